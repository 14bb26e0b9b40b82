"""The OpenAPI 3.1 document, made from what the routes say of themselves."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from earwitness.http.openapi import problems
from earwitness.http.openapi.operations import ROOT, Operation
from earwitness.http.openapi.parts import body, parameters, responses
from earwitness.http.openapi.schemas import Describe, Schema, reachable, schemas_of

_SPELT = {"api": "API", "openapi": "OpenAPI", "sms": "SMS", "url": "URL"}


@dataclass(frozen=True, slots=True)
class Example:
    """What a call is sent, and what it answers, for example."""

    title: str
    request: Any = None
    query: Mapping[str, Any] | None = None
    response: Any = None


@dataclass(frozen=True, slots=True)
class Words:
    """What the document says beside what the routes say: of the whole, of chapters, fields and calls."""

    title: str
    version: str
    description: str
    chapters: Mapping[str, tuple[str, str]]
    """The title and description of each chapter, by its file or folder, in order."""
    describe: Describe
    examples: Callable[[str], Sequence[Example]]
    """The examples of a call, as `POST /client/recording.search`; the first one's title is the call's."""


def document(operations: Sequence[Operation], words: Words) -> dict[str, Any]:
    """Write the document. Raises ValueError for an operation of a chapter without words."""
    ordered = sorted(operations, key=lambda one: list(words.chapters).index(one.chapter))
    taken, given, components = schemas_of(
        [one.describes.takes for one in ordered], [one.describes.gives for one in ordered], words.describe
    )
    paths: dict[str, dict[str, Any]] = {}
    for operation, sent, answered, name in zip(ordered, taken, given, _ids(ordered), strict=True):
        item = paths.setdefault(operation.path, {"servers": [{"url": "/"}]} if operation.at_root else {})
        said = _said(operation, name, words)
        item[operation.method.lower()] = said | _shapes(operation, sent, answered, components, words)
    referred = reachable(paths, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": words.title,
            "version": words.version,
            "description": words.description,
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": ROOT, "description": "This server."}],
        "security": [{"bearer": []}],
        "tags": [
            {"name": title, "description": description}
            for chapter, (title, description) in words.chapters.items()
            if any(one.chapter == chapter for one in ordered)
        ],
        "paths": paths,
        "components": {
            "schemas": {name: components[name] for name in components if name in referred} | problems.SCHEMAS,
            "responses": problems.RESPONSES,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _ids(operations: Sequence[Operation]) -> list[str]:
    """A name for each operation: its function's, with a number where another path has the same."""
    seen: Counter[str] = Counter()
    names = []
    for operation in operations:
        name = _camel(("head_" if operation.method == "HEAD" else "") + operation.function.__name__)
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}{seen[name]}")
    return names


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _said(operation: Operation, name: str, words: Words) -> Schema:
    """What is said of an operation in words, and who may do it."""
    examples = words.examples(operation.call)
    summary = examples[0].title if examples else _in_words(operation)
    said: Schema = {
        "tags": [words.chapters[operation.chapter][0]],
        "operationId": name,
        "summary": summary,
        "description": _description(operation, summary),
    }
    if operation.rights:
        return said | {"x-required-right": " or ".join(operation.rights)}
    return said | {"security": []}


def _in_words(operation: Operation) -> str:
    first, *others = operation.function.__name__.split("_")
    about = " (headers alone)" if operation.method == "HEAD" else ""
    return " ".join([first.capitalize(), *(_SPELT.get(word, word) for word in others)]) + about


def _description(operation: Operation, summary: str) -> str:
    parts = [operation.text if operation.text != f"{summary}." else ""]
    if operation.rights:
        parts.append("Required right: " + " or ".join(f"`{right}`" for right in operation.rights) + ".")
    else:
        parts.append("Needs no sign-in.")
    if operation.audited:
        parts.append("Leaves a row in the audit log of each recording it names.")
    return "\n\n".join(part for part in parts if part)


def _shapes(
    operation: Operation, sent: Schema, answered: Schema, components: dict[str, Schema], words: Words
) -> Schema:
    """What an operation takes and answers."""
    examples = words.examples(operation.call)
    query = next((one.query for one in examples if one.query), {})
    requests = {one.title: one.request for one in examples if one.request is not None}
    answers = {one.title: one.response for one in examples if one.response is not None}
    shapes: Schema = {}
    if given := parameters(operation, sent, components, words.describe, query):
        shapes["parameters"] = given
    if operation.describes.takes is not None and not operation.reads_query:
        shapes["requestBody"] = body(operation, sent, components, requests)
    return shapes | {"responses": responses(operation, answered, answers)}
