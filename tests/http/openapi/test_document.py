"""The OpenAPI document agrees with the standard, with the routes, and with the API's documentation."""

import inspect
import re
import tomllib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute
from schemathesis.specs.openapi.definitions import OPENAPI_31

from earwitness.api.schema import document_of
from earwitness.app import build
from earwitness.http.openapi.operations import operations as operations_of
from earwitness.kernel.rights import Right
from earwitness.kernel.settings import Settings
from tests.seeds import FULL_EXAMPLES, OVERVIEW, REFERENCE

# What is still to be written. These may only become fewer.
FIELDS_WITHOUT_A_DESCRIPTION: set[str] = set()
CALLS_WITHOUT_A_TYPED_ANSWER: set[str] = set()

# Our own fields, beside the documented ones.
OUR_REQUEST_FIELDS = {
    "POST /client/recording.search": {"recordingsSearchToken"},
    "POST /client/recording.detail.get": {"includeChannels"},
    "POST /client/recording.transcription.get": {"includeChannels"},
}
OUR_ANSWERED_FIELDS = {
    "interactions",
    "byoStorageAccountId",
    "ownedByPersonId",
    "channels",
    "channel",
    "speaker",
}
"""Left out, unless one of our own routes or request fields asks for them."""

Document = dict[str, Any]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Litestar:
    folder = tmp_path_factory.mktemp("document")
    return build(Settings(data=folder / "data", keys=folder / "keys", jobs=False))


@pytest.fixture(scope="module")
def document(app: Litestar) -> Document:
    return document_of(app)


def operations(document: Document) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "servers":
                yield f"{method.upper()} {path}", operation


def resolved(document: Document, schema: Any) -> Any:
    while "$ref" in schema:
        found: Any = document
        for key in schema["$ref"].removeprefix("#/").split("/"):
            found = found[key]
        schema = found
    return schema


def request_fields(document: Document, operation: dict[str, Any]) -> dict[str, tuple[Any, bool]]:
    """The schema of each field of a request, in body or query, and whether it is required."""
    fields = {
        parameter["name"]: (parameter["schema"], parameter["required"])
        for parameter in operation.get("parameters", [])
        if parameter["in"] == "query"
    }
    if "requestBody" in operation:
        [content] = operation["requestBody"]["content"].values()
        struct = resolved(document, content["schema"])
        for name, schema in struct.get("properties", {}).items():
            fields[name] = (schema, name in struct.get("required", []))
    return fields


def answer_schema(document: Document, operation: dict[str, Any]) -> Any:
    success = next(
        resolved(document, one) for status, one in operation["responses"].items() if status < "300"
    )
    return next(iter(success["content"].values()))["schema"]


def validator(document: Document, schema: Any) -> Any:
    return jsonschema_rs.validator_for(schema | {"components": document["components"]}, validate_formats=True)


def test_the_document_is_openapi_3_1(document: Document) -> None:
    problems = [error.message for error in jsonschema_rs.validator_for(OPENAPI_31).iter_errors(document)]
    assert problems == []


def test_every_reference_leads_somewhere(document: Document) -> None:
    def references(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            yield from (value for key, value in node.items() if key == "$ref")
            for value in node.values():
                yield from references(value)
        elif isinstance(node, list):
            for value in node:
                yield from references(value)

    for reference in set(references(document)):
        assert resolved(document, {"$ref": reference})


def test_every_route_is_in_the_document_and_every_documented_path_is_a_route(
    app: Litestar, document: Document
) -> None:
    routes = {
        f"{method} {route.path_format.removeprefix('/api')}"
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in handler.http_methods - {"OPTIONS"}
    }
    assert {call for call, _ in operations(document)} == routes


def test_a_documented_path_leads_to_its_handler(app: Litestar) -> None:
    """`grep -rn recording.search src/earwitness/api`: CONTRIBUTING.md promises that this is enough."""
    found = {operation.call: operation for operation in operations_of(app)}
    for call in (one["call"] for one in REFERENCE):
        path = call.partition(" ")[2]
        assert f'"{path}"' in inspect.getsource(found[call].function), call
        assert found[call].function.__module__.startswith("earwitness.api.")


def test_operations_are_named_once_and_stand_in_a_chapter(document: Document) -> None:
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(names) == len(set(names))
    chapters = {tag["name"] for tag in document["tags"]}
    assert {tag for _, operation in operations(document) for tag in operation["tags"]} == chapters
    assert all(re.fullmatch(r"[A-Z].*[^.]", operation["summary"]) for _, operation in operations(document))


def test_every_operation_says_what_it_answers(document: Document) -> None:
    untyped = {
        call
        for call, operation in operations(document)
        if not call.startswith("HEAD") and not resolved(document, answer_schema(document, operation))
    }
    assert untyped == CALLS_WITHOUT_A_TYPED_ANSWER


def test_every_field_is_described(document: Document) -> None:
    without = {
        f"{name}.{field}"
        for name, struct in document["components"]["schemas"].items()
        for field, schema in struct.get("properties", {}).items()
        if not schema.get("description")
    } | {
        f"{call} {parameter['name']}"
        for call, operation in operations(document)
        for parameter in operation.get("parameters", [])
        if not parameter["description"]
    }
    assert without == FIELDS_WITHOUT_A_DESCRIPTION


def test_no_description_is_of_a_field_that_is_gone(document: Document) -> None:
    told = tomllib.loads((resources.files("earwitness.api") / "descriptions.toml").read_text())
    structs = {
        schema["title"]: set(schema.get("properties", ()))
        for schema in document["components"]["schemas"].values()
    }
    parameters: dict[str, set[str]] = {"path": set(), "query": set()}
    for _, operation in operations(document):
        for parameter in operation.get("parameters", []):
            parameters[parameter["in"]].add(parameter["name"])
        for content in operation.get("requestBody", {}).get("content", {}).values():
            form = resolved(document, content["schema"])
            structs.setdefault(form.get("title", ""), set(form.get("properties", ())))
    every = set().union(parameters["query"], *structs.values())
    assert set(told.pop("every")) - every == set()
    assert set(told.pop("Path")) - parameters["path"] == set()
    gone = {
        f"{name}.{field}"
        for name, fields in told.items()
        for field in fields
        if field not in structs.get(name, parameters["query"])
    }
    assert gone == set()


def test_each_operation_states_its_right_or_that_it_needs_none(document: Document) -> None:
    for call, operation in operations(document):
        if "x-required-right" in operation:
            assert set(operation["x-required-right"].split(" or ")) <= set(Right), call
            assert {"401", "403"} <= set(operation["responses"]), call
            assert "security" not in operation, call
        else:
            assert operation["security"] == [], call


def test_problems_are_answered_as_problem_json(document: Document) -> None:
    for call, operation in operations(document):
        for status, response in operation["responses"].items():
            if status >= "400":
                assert list(resolved(document, response)["content"]) == ["application/problem+json"], call


EVERYWHERE = {500: "Problem", 503: "Unavailable"}
SIGNED_IN = EVERYWHERE | {400: "BadRequest", 401: "Unauthenticated", 403: "Forbidden"}
WITH_A_BODY = {413: "TooLarge", 415: "UnsupportedMedia"}

PROBLEMS = {
    "GET /readyz": EVERYWHERE,
    "GET /metrics": EVERYWHERE | {403: "Forbidden"},
    "POST /authWithApiKey": EVERYWHERE
    | WITH_A_BODY
    | {400: "BadRequest", 401: "Unauthenticated", 429: "TooManyRequests"},
    "POST /client/recording.search": SIGNED_IN | WITH_A_BODY,
    "POST /client/recording.playBackByThirdPartyId": SIGNED_IN
    | WITH_A_BODY
    | {404: "NotFound", 422: "Unprocessable"},
    "GET /client/recording/{id}/media": SIGNED_IN
    | {404: "NotFound", 416: "RangeUnsatisfiable", 422: "Unprocessable"},
    "POST /ingest/recording": SIGNED_IN | WITH_A_BODY | {409: "Conflict", 507: "StorageFull"},
}


@pytest.mark.parametrize("call", PROBLEMS)
def test_each_status_refers_to_the_right_problem(document: Document, call: str) -> None:
    responses = dict(operations(document))[call]["responses"]
    named = {
        int(status): response["$ref"].removeprefix("#/components/responses/")
        for status, response in responses.items()
        if status >= "400"
    }
    assert named == PROBLEMS[call]


def test_bare_lists_carry_their_total(document: Document) -> None:
    for call, operation in operations(document):
        if call.startswith("HEAD"):
            continue
        is_list = answer_schema(document, operation).get("type") == "array"
        assert ("X-Total-Count" in operation["responses"].get("200", {}).get("headers", {})) == is_list, call


@pytest.mark.parametrize("documented", [*REFERENCE, *OVERVIEW], ids=lambda one: f"{one['call']}")
def test_documented_calls_have_their_right_and_fields(document: Document, documented: dict[str, Any]) -> None:
    call = documented["call"]
    operation = dict(operations(document))[call]
    if documented["chapter"] != "Overview":
        assert operation.get("x-required-right") == documented.get("right")
    fields = request_fields(document, operation)
    for field in documented.get("fields", []):
        schema, required = fields[field["name"]]
        assert required == field.get("required", False), field["name"]
        assert is_as_documented(document, schema, field), field["name"]


@pytest.mark.parametrize(
    "documented", [one for one in REFERENCE if "fields" in one], ids=lambda one: one["call"]
)
def test_documented_calls_take_no_other_fields(document: Document, documented: dict[str, Any]) -> None:
    fields = set(request_fields(document, dict(operations(document))[documented["call"]]))
    more = fields - {field["name"] for field in documented["fields"]}
    assert more == OUR_REQUEST_FIELDS.get(documented["call"], set())


def is_as_documented(document: Document, schema: Any, field: dict[str, Any]) -> bool:
    """Whether a schema agrees with the documentation's table: type, values, items, fields."""
    options = [resolved(document, one) for one in schema.get("anyOf", [schema])]
    kinds = {
        kind for one in options for kind in ([one["type"]] if isinstance(one["type"], str) else one["type"])
    }
    wanted = field.get("type", [])
    for kind in [wanted] if isinstance(wanted, str) else wanted:
        if not kinds & {"number": {"number", "integer"}}.get(kind, {kind}):
            return False
    values = {value for one in options for value in one.get("enum", []) if value is not None}
    if values != set(field.get("values", values)):
        return False
    known = {name for one in options for name in one.get("properties", {})}
    return set(field.get("fields", [])) <= known


@pytest.mark.parametrize("call", sorted(FULL_EXAMPLES))
def test_answers_have_the_keys_of_the_full_example(document: Document, call: str) -> None:
    schema = answer_schema(document, dict(operations(document))[call])
    assert list(key_differences(document, FULL_EXAMPLES[call], schema, "")) == []
    assert [e.message for e in validator(document, schema).iter_errors(FULL_EXAMPLES[call])] == []


def key_differences(document: Document, example: Any, schema: Any, path: str) -> Iterator[str]:
    """Keys that only the schema or only the rows of the example have."""
    options = [resolved(document, one) for one in schema.get("anyOf", [schema])]
    schema = next((one for one in options if one.get("type") != "null"), {})
    if isinstance(example, list) and "items" in schema:
        rows = [row for row in example if isinstance(row, dict)]
        if rows:
            union = {key: value for row in reversed(rows) for key, value in row.items()}
            yield from key_differences(document, union, schema["items"], f"{path}[]")
    elif isinstance(example, dict) and "properties" in schema:
        ours = OUR_ANSWERED_FIELDS - set(schema["required"])
        for key in example.keys() ^ schema["properties"].keys() - ours:
            yield f"{path}.{key}"
        for key in example.keys() & schema["properties"].keys():
            yield from key_differences(document, example[key], schema["properties"][key], f"{path}.{key}")


def test_examples_fit_their_schemas(document: Document) -> None:
    for call, operation in operations(document):
        shown = list(operation.get("requestBody", {}).get("content", {}).values())
        for response in operation["responses"].values():
            shown += resolved(document, response).get("content", {}).values()
        for content in shown:
            for example in content.get("examples", {}).values():
                errors = validator(document, content["schema"]).iter_errors(example["value"])
                assert [(call, error.message) for error in errors] == []


def test_nothing_of_the_host_is_in_the_document(document: Document) -> None:
    assert str(Path.cwd()) not in str(document)
    assert "earwitness." not in " ".join(document["components"]["schemas"])


def test_generated_clients_compile_and_hold_every_value(document: Document) -> None:
    """Generators read an integer without a format as 32 bits, and an object without properties as empty.

    In Go, `NewTag` makes a `Tag`, so no object can have that name.
    """

    def walk(node: Any) -> Iterator[dict[str, Any]]:
        if isinstance(node, dict):
            yield node
        for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            yield from walk(inner)

    schemas = document["components"]["schemas"]
    assert not {f"New{name}" for name in schemas} & set(schemas)
    small = ("Problem", "Fault")  # a status, the index of a character
    ours = [schema for name, schema in schemas.items() if name not in small]
    for schema in walk([ours, [one.get("parameters") for _, one in operations(document)]]):
        if schema.get("type") in ("integer", ["integer", "null"]):
            assert schema["format"] == "int64"
        if schema.get("type") in ("object", ["object", "null"]):
            assert schema.keys() & {"properties", "additionalProperties"}


def test_the_segments_of_a_transcript_have_a_type(document: Document) -> None:
    segments = document["components"]["schemas"]["Transcript"]["properties"]["segments"]
    segment = resolved(document, segments["items"])
    assert set(segment["properties"]) == {"text", "start", "end", "channel", "speaker"}
    assert segment["required"] == ["text", "start", "end"]


def test_media_is_binary_in_both_directions(document: Document) -> None:
    calls = dict(operations(document))
    playing = calls["POST /client/recording.playBackByThirdPartyId"]["responses"]["200"]["content"]
    assert set(playing) >= {"audio/mpeg", "audio/wav", "video/mp4", "application/octet-stream"}
    form = calls["POST /ingest/recording"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    for schema in (*(one["schema"] for one in playing.values()), form["properties"]["media"]):
        assert (schema["type"], schema["format"]) == ("string", "binary")
