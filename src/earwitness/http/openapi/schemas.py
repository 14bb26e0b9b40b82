"""JSON Schemas of requests and answers, made from the structs."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from earwitness.kernel.wire import Direction, Moment

Schema = dict[str, Any]
Describe = Callable[[str, str], str]
"""Returns the description of a struct's field, by the documented names of both; empty if there is none."""

REF = "#/components/schemas/"


def schemas_of(
    sent: Iterable[Any], answered: Iterable[Any], describe: Describe
) -> tuple[list[Schema], list[Schema], dict[str, Schema]]:
    """The schemas of types that are sent, of types that are answered, and the components that both refer to.

    An answer has all its fields, except those that may be unset.
    """
    bodies, answers = list(sent), list(answered)
    schemas, found = msgspec.json.schema_components(
        [*bodies, *answers], schema_hook=_schema_of_ours, ref_template=REF + "{name}"
    )
    in_requests = reachable(list(schemas[: len(bodies)]), found)
    for name in found.keys() - in_requests:
        _as_answered(found[name])
    tidy = [_tidy(schema) for schema in schemas]
    components = {_short(name): _tidy(component) for name, component in sorted(found.items())}
    for component in components.values():
        for field, schema in component.get("properties", {}).items():
            if description := describe(component["title"], field):
                schema["description"] = description
    return tidy[: len(bodies)], tidy[len(bodies) :], components


def fields_of(schema: Schema, components: dict[str, Schema]) -> Schema:
    """The object that a schema is or refers to."""
    return components[schema["$ref"].removeprefix(REF)] if "$ref" in schema else schema


def _schema_of_ours(kind: type) -> Schema:
    if issubclass(kind, Moment):
        return {"type": "string", "format": "date-time"}
    if issubclass(kind, Direction):
        return {"enum": list(Direction.ALL)}
    raise NotImplementedError(f"{kind} has no known schema")


def _as_answered(component: Schema) -> None:
    properties: dict[str, Schema] = component.get("properties", {})
    has_default = {name for name, schema in properties.items() if "default" in schema}
    required = component["required"]
    component["required"] = [name for name in properties if name in has_default or name in required]
    for schema in properties.values():
        schema.pop("default", None)


def _tidy(node: Any) -> Any:
    """Write "or null" in the short form, leave out defaults of null, and add what generators of clients need.

    These read an integer without a format as one of 32 bits, and an object without properties as an empty
    one.
    """
    if isinstance(node, list):
        return [_tidy(one) for one in node]
    if not isinstance(node, dict):
        return node
    node = {key: _tidy(value) for key, value in node.items() if (key, value) != ("default", None)}
    if "$ref" in node:
        node["$ref"] = REF + _short(node["$ref"].removeprefix(REF))
    if "enum" in node and all(isinstance(value, str) for value in node["enum"]):
        node = {"type": "string"} | node
    if node.get("type") in ("integer", ["integer", "null"]):
        node["format"] = "int64"
    if node.get("type") == "object" and not node.keys() & {"properties", "additionalProperties"}:
        node["additionalProperties"] = True
    options = node.get("anyOf", [])
    if len(options) == 2 and options[1] == {"type": "null"} and isinstance(options[0].get("type"), str):
        option = node.pop("anyOf")[0]
        if "enum" in option:
            option["enum"] = [*option["enum"], None]
        node = option | {"type": [option["type"], "null"]} | node
    return node


def _short(name: str) -> str:
    """Structs of the same name are named with their modules; the part that all modules share is left out."""
    return name.removeprefix("earwitness.").removeprefix("api.")


def reachable(nodes: Any, components: dict[str, Schema]) -> set[str]:
    """The names of all components that something refers to, directly or through other components."""
    found: set[str] = set()
    waiting = [nodes]
    while waiting:
        for name in _references(waiting.pop()):
            if name not in found:
                found.add(name)
                waiting.append(components[name])
    return found


def _references(node: Any) -> Iterator[str]:
    match node:
        case {"$ref": str(reference)} if reference.startswith(REF):
            yield reference.removeprefix(REF)
        case dict():
            for value in node.values():
                yield from _references(value)
        case list():
            for value in node:
                yield from _references(value)
        case _:
            pass
