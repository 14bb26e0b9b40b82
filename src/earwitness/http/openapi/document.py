"""The OpenAPI 3.1 document, made from the declarations of the operations."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from earwitness.http.openapi import problems
from earwitness.http.openapi.operations import ROOT, DocumentedOperation
from earwitness.http.openapi.parts import body, parameters, responses
from earwitness.http.openapi.schemas import Describe, Schema, reachable, schemas_of

_SPELT = {"api": "API", "openapi": "OpenAPI", "sms": "SMS", "url": "URL"}


@dataclass(frozen=True, slots=True)
class Example:
    """An example of a request, and of the answer to it."""

    title: str
    request: Any = None
    query: Mapping[str, Any] | None = None
    response: Any = None


@dataclass(frozen=True, slots=True)
class DocumentText:
    """What the declarations do not hold: the title, and texts on chapters, fields and examples."""

    title: str
    version: str
    description: str
    chapters: Mapping[str, tuple[str, str]]
    """The title and description of each chapter, by its file or folder, in order."""
    describe: Describe
    examples: Callable[[str], Sequence[Example]]
    """The examples of a call, such as `POST /client/recording.search`; the first title is its summary."""


def document(operations: Sequence[DocumentedOperation], texts: DocumentText) -> dict[str, Any]:
    """Write the document. Raises ValueError for an operation whose chapter has no texts."""
    ordered = sorted(operations, key=lambda one: list(texts.chapters).index(one.chapter))
    bodies, answers, components = schemas_of(
        [one.describes.takes for one in ordered], [one.describes.gives for one in ordered], texts.describe
    )
    paths: dict[str, dict[str, Any]] = {}
    for operation, sent, answered, name in zip(ordered, bodies, answers, _ids(ordered), strict=True):
        item = paths.setdefault(operation.path, {"servers": [{"url": "/"}]} if operation.at_root else {})
        described = _described(operation, name, texts)
        item[operation.method.lower()] = described | _content(operation, sent, answered, components, texts)
    referenced = reachable(paths, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": texts.title,
            "version": texts.version,
            "description": texts.description,
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": ROOT, "description": "This server."}],
        "security": [{"bearer": []}],
        "tags": [
            {"name": title, "description": description}
            for chapter, (title, description) in texts.chapters.items()
            if any(one.chapter == chapter for one in ordered)
        ],
        "paths": paths,
        "components": {
            "schemas": {name: components[name] for name in components if name in referenced}
            | problems.SCHEMAS,
            "responses": problems.RESPONSES,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _ids(operations: Sequence[DocumentedOperation]) -> list[str]:
    """A name for each operation: that of its function, with a number where another path has the same name."""
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


def _described(operation: DocumentedOperation, name: str, texts: DocumentText) -> Schema:
    """The texts on an operation, and the right that it needs."""
    examples = texts.examples(operation.call)
    summary = examples[0].title if examples else _summary_of(operation)
    described: Schema = {
        "tags": [texts.chapters[operation.chapter][0]],
        "operationId": name,
        "summary": summary,
        "description": _description(operation, summary),
    }
    if operation.rights:
        return described | {"x-required-right": " or ".join(operation.rights)}
    return described | {"security": []}


def _summary_of(operation: DocumentedOperation) -> str:
    first, *others = operation.function.__name__.split("_")
    about = " (headers alone)" if operation.method == "HEAD" else ""
    return " ".join([first.capitalize(), *(_SPELT.get(word, word) for word in others)]) + about


def _description(operation: DocumentedOperation, summary: str) -> str:
    parts = [operation.text if operation.text != f"{summary}." else ""]
    if operation.rights:
        parts.append("Required right: " + " or ".join(f"`{right}`" for right in operation.rights) + ".")
    else:
        parts.append("Needs no sign-in.")
    if operation.audited:
        parts.append("Leaves a row in the audit log of each recording it names.")
    return "\n\n".join(part for part in parts if part)


def _content(
    operation: DocumentedOperation,
    sent: Schema,
    answered: Schema,
    components: dict[str, Schema],
    texts: DocumentText,
) -> Schema:
    """The parameters, the body and the answers of an operation."""
    examples = texts.examples(operation.call)
    query = next((one.query for one in examples if one.query), {})
    requests = {one.title: one.request for one in examples if one.request is not None}
    answers = {one.title: one.response for one in examples if one.response is not None}
    content: Schema = {}
    if found := parameters(operation, sent, components, texts.describe, query):
        content["parameters"] = found
    if operation.describes.takes is not None and not operation.reads_query:
        content["requestBody"] = body(operation, sent, components, requests)
    return content | {"responses": responses(operation, answered, answers)}
