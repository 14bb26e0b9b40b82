"""The parts of an operation: its parameters, its body, its responses."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from earwitness.http.openapi.operations import DocumentedOperation, refusals
from earwitness.http.openapi.problems import response_of
from earwitness.http.openapi.schemas import Describe, Schema, fields_of
from earwitness.kernel.strict_json import MAX_INTEGER
from earwitness.operations.operations import PENDING_HEADER

_TEXT: Schema = {"type": "string", "minLength": 1}
_PATH_SCHEMAS: dict[str, Schema] = {"thirdPartyId": _TEXT, "path": _TEXT}
_ID: Schema = {"type": "integer", "format": "int64", "minimum": 1, "maximum": MAX_INTEGER}
_BYTES: Schema = {"type": "string", "format": "binary"}
_WITHOUT_CONTENT = {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
_TOTAL: Schema = {
    "description": "How many there are in all, before paging.",
    "required": True,
    "schema": {"type": "integer", "minimum": 0},
}

_PENDING: Schema = {
    "description": "The job that is not through, if there is one: see `GET /client/job/{id}`.",
    "required": False,
    "schema": {"type": "integer", "minimum": 1},
}


def parameters(
    operation: DocumentedOperation,
    sent: Schema,
    components: dict[str, Schema],
    describe: Describe,
    example: Mapping[str, Any],
) -> list[Schema]:
    """The parameters of the path and, where the operation reads a query, of the query."""
    found: list[Schema] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": describe("Path", name),
            "schema": _PATH_SCHEMAS.get(name, _ID),
        }
        for name in operation.path_parameters
    ]
    if operation.describes.takes is None or not operation.reads_query:
        return found
    struct = fields_of(sent, components)
    for name, schema in struct["properties"].items():
        parameter = {
            "name": name,
            "in": "query",
            "required": name in struct["required"],
            "description": schema.get("description", ""),
            "schema": _never_null({key: value for key, value in schema.items() if key != "description"}),
        }
        found.append(parameter | ({"example": example[name]} if name in example else {}))
    return found


def _never_null(schema: Schema) -> Schema:
    """The schema without null: a query leaves absent values out."""
    if isinstance(schema.get("type"), list):
        schema = schema | {"type": schema["type"][0]}
    if None in schema.get("enum", ()):
        schema = schema | {"enum": [value for value in schema["enum"] if value is not None]}
    return schema


def body(
    operation: DocumentedOperation, sent: Schema, components: dict[str, Schema], requests: Mapping[str, Any]
) -> Schema:
    """What is sent: JSON, a form of parts, or bytes."""
    describes = operation.describes
    content: Schema = {"schema": _BYTES if describes.takes is bytes else sent}
    struct = fields_of(sent, components)
    if describes.sent_as == "multipart/form-data":
        parts = struct["properties"]
        content["schema"] = struct | {
            "properties": {
                name: part if "$ref" in part else _part_of_bytes(part) for name, part in parts.items()
            }
        }
        content["encoding"] = {
            name: {"contentType": "application/json"} for name, part in parts.items() if "$ref" in part
        }
    if requests:
        content["examples"] = _named(requests)
    needed = bool(struct.get("required")) or struct.get("type") == "array" or describes.takes is bytes
    return {"required": needed, "content": {describes.sent_as: content}}


def _part_of_bytes(part: Schema) -> Schema:
    return {"description": part.get("description", "")} | _BYTES


def responses(operation: DocumentedOperation, answered: Schema, answers: Mapping[str, Any]) -> Schema:
    """The answers by status: the result, or a problem. Only the first status has the examples."""
    describes = operation.describes
    found: Schema = {}
    for status in describes.statuses:
        content: Schema = {"schema": _BYTES if describes.gives is bytes else answered}
        if answers and not found:
            content["examples"] = _named(answers)
        found[str(status)] = {"description": HTTPStatus(status).phrase}
        if operation.method != "HEAD" and status not in _WITHOUT_CONTENT:
            found[str(status)]["content"] = dict.fromkeys(describes.answered_as, content)
        headers = {"X-Total-Count": _TOTAL} if answered.get("type") == "array" else {}
        headers |= {PENDING_HEADER: _PENDING} if describes.pends else {}
        if headers:
            found[str(status)]["headers"] = headers
    return found | {str(status): response_of(status) for status in refusals(operation)}


def _named(examples: Mapping[str, Any]) -> Schema:
    return {
        f"example{number}": {"summary": title, "value": value}
        for number, (title, value) in enumerate(examples.items(), 1)
    }
