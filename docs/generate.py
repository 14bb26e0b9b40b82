"""Generates pages from the code: docs/api/, docs/rights.md and docs/settings.md.

Run it with `make docs` after a change of the API or of a setting.
"""

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docs import rights_page, settings_page
from earwitness.api.schema import CHAPTERS, document_of
from earwitness.app import build
from earwitness.http.openapi.schemas import reachable
from earwitness.kernel.settings import Settings

FOLDER = Path(__file__).with_name("api")
_REF = "#/components/schemas/"

Schema = dict[str, Any]


def pages() -> dict[str, str]:
    """Every page, by the name of its file."""
    document = api_document()
    written = {
        f"{chapter}.md": "\n".join(_page(document, title, description)).rstrip() + "\n"
        for chapter, (title, description) in CHAPTERS.items()
    }
    return written | {"README.md": "\n".join(_contents(document)) + "\n"}


def api_document() -> Schema:
    """The OpenAPI document of an application that is built only for this."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data=Path(folder, "data"), keys=Path(folder, "keys"), jobs=False)
        return document_of(build(settings))


def _contents(document: Schema) -> Iterator[str]:
    yield "# The API"
    yield ""
    yield document["info"]["description"]
    yield ""
    yield "A running server shows the same at `/api/schema`, to browse and to try, and as an OpenAPI 3.1"
    yield "document at `/api/schema/openapi.json`. `make docs` makes these pages from it."
    for chapter, (title, _) in CHAPTERS.items():
        yield f"\n**[{title}]({chapter}.md)**\n"
        yield "| call | |"
        yield "|---|---|"
        for method, path, operation in _operations(document, title):
            summary = operation["summary"]
            yield f"| `{method} {path}` | [{summary}]({chapter}.md#{anchor(summary)}) |"


def anchor(heading: str) -> str:
    """What a link to a heading ends with."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def _operations(document: Schema, title: str) -> Iterator[tuple[str, str, Schema]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "servers" and title in operation["tags"]:
                yield method.upper(), path, operation


def _page(document: Schema, title: str, description: str) -> Iterator[str]:
    """The operations of a chapter, then the objects that they refer to."""
    yield f"# {title}\n"
    yield f"{description}\n"
    named: list[str] = []
    operations = list(_operations(document, title))
    for method, path, operation in operations:
        yield f"## {operation['summary']}\n"
        yield f"`{method} {path}`\n"
        yield f"{operation['description']}\n"
        yield from _parameters(operation, named)
        yield from _body(document, operation, named)
        yield from _answers(document, operation, named)
    if named:
        yield "## Objects\n"
    sent = reachable([one.get("requestBody") for *_, one in operations], document["components"]["schemas"])
    for name in named:  # grows while objects within objects are named
        struct = document["components"]["schemas"][name]
        yield f"### {name}\n"
        yield f"{struct.get('description', '')}\n"
        yield from _fields(struct, named, answered=name not in sent)


def _parameters(operation: Schema, named: list[str]) -> Iterator[str]:
    if given := operation.get("parameters"):
        yield "| parameter | in | type | meaning |"
        yield "|---|---|---|---|"
        for one in given:
            needed = ", required" if one["required"] else ""
            kind = _in_words(one["schema"], named)
            yield f"| `{one['name']}` | {one['in']}{needed} | {kind} | {one['description']} |"
        yield ""


def _body(document: Schema, operation: Schema, named: list[str]) -> Iterator[str]:
    for content_type, content in operation.get("requestBody", {}).get("content", {}).items():
        schema = content["schema"]
        struct = document["components"]["schemas"].get(schema.get("$ref", "").removeprefix(_REF), schema)
        if "properties" in struct:
            yield f"Body, `{content_type}`:\n"
            yield from _fields(struct, named, answered=False)
        else:
            yield f"Body, `{content_type}`: {_in_words(schema, named)}\n"
        yield from _examples(content)


def _answers(document: Schema, operation: Schema, named: list[str]) -> Iterator[str]:
    refused = []
    for status, answer in operation["responses"].items():
        if "$ref" in answer:
            refused.append(status)
            continue
        contents: dict[str, Schema] = answer.get("content", {})
        kinds = ", ".join(f"`{kind}`" for kind in contents)
        content: Schema = next(iter(contents.values()), {})
        words = _in_words(content["schema"], named) if content else "nothing"
        yield f"Answers {status}: {words}" + (f" ({kinds})\n" if kinds else "\n")
        yield from _examples(content)
    yield f"Problems: {', '.join(refused)}.\n"


def _examples(content: Schema) -> Iterator[str]:
    for example in content.get("examples", {}).values():
        yield f"```json\n{_readable(example['value'])}\n```\n"


def _readable(value: Any, indent: int = 0) -> str:
    """JSON in which everything that fits on one line is on one line."""
    short = json.dumps(value, ensure_ascii=False)
    if len(short) + indent <= 100 or not isinstance(value, list | dict):
        return short
    inner = "\n" + " " * (indent + 2)
    if isinstance(value, list):
        items = [_readable(one, indent + 2) for one in value]
        return f"[{inner}{f',{inner}'.join(items)}\n{' ' * indent}]"
    members = [f"{json.dumps(key)}: {_readable(one, indent + 2)}" for key, one in value.items()]
    return f"{{{inner}{f',{inner}'.join(members)}\n{' ' * indent}}}"


def _fields(struct: Schema, named: list[str], *, answered: bool) -> Iterator[str]:
    """A table of fields. It says which must be sent, or which may be absent from an answer."""
    yield "| field | type | meaning |"
    yield "|---|---|---|"
    for name, schema in struct["properties"].items():
        is_required = name in struct.get("required", [])
        told = "" if is_required == answered else ", may be absent" if answered else ", required"
        kind = _in_words(schema, named)
        if not answered and not is_required:
            kind = kind.removesuffix(" or null").removesuffix(" or `null`")
        meaning = schema.get("description", "").replace("|", "\\|")
        yield f"| `{name}` | {kind}{told} | {meaning} |"
    yield ""


def _in_words(schema: Schema, named: list[str]) -> str:
    """A schema in a few words, with links to the objects it names."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_REF)
        if name not in named:
            named.append(name)
        return f"[{name}](#{anchor(name)})"
    if "anyOf" in schema:
        return " or ".join(_in_words(one, named) for one in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    kinds: str | list[str] = schema.get("type", "any")
    words = [_kind(kind, schema, named) for kind in ([kinds] if isinstance(kinds, str) else kinds)]
    return " or ".join(words)


def _kind(kind: Any, schema: Schema, named: list[str]) -> str:
    if kind == "array":
        return f"array{_limit(schema, 'maxItems')} of {_in_words(schema.get('items', {}), named)}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_in_words(schema['additionalProperties'], named)}"
    if kind == "string" and schema.get("format") == "date-time":
        return "time"
    if schema.get("format") == "binary":
        return "bytes"
    return f"string{_limit(schema, 'maxLength', ' characters')}" if kind == "string" else str(kind)


def _limit(schema: Schema, name: str, unit: str = "") -> str:
    return f" (≤ {schema[name]:,}{unit})" if name in schema else ""


def main() -> None:
    settings_page.FILE.write_text(settings_page.page(), encoding="utf-8")
    FOLDER.mkdir(exist_ok=True)
    written = pages()
    for stale in FOLDER.glob("*.md"):
        if stale.name not in written:
            stale.unlink()
    for name, text in written.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    rights_page.PAGE.write_text(rights_page.page(api_document()), encoding="utf-8")


if __name__ == "__main__":
    main()
