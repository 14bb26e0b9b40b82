"""The schemas and responses of problems (RFC 9457)."""

from earwitness.http.openapi.schemas import REF, Schema
from earwitness.kernel.errors import ClientLeft, Problem

_WAIT: Schema = {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}
_CHALLENGE: Schema = {"description": "How to sign in (RFC 6750).", "schema": {"type": "string"}}
_HEADERS: dict[int, Schema] = {
    401: {"WWW-Authenticate": _CHALLENGE | {"required": True}},
    429: {"Retry-After": _WAIT | {"required": True}},
    503: {"Retry-After": _WAIT},
}
# Of kinds with the same status, the general one comes first. ClientLeft is never sent.
_EVERY_KIND: list[type[Problem]] = [
    Problem,
    *(kind for kind in Problem.__subclasses__() if kind is not ClientLeft),
]
_KINDS = {int(kind.status): kind for kind in reversed(_EVERY_KIND)}

SCHEMAS: dict[str, Schema] = {
    "Problem": {
        "title": "Problem",
        "description": "What went wrong (RFC 9457). Some codes have members of their own beside these.",
        "type": "object",
        "properties": {
            "type": {"type": "string", "format": "uri", "description": "A URN made of the code."},
            "title": {"type": "string", "description": "The kind of problem, in words."},
            "status": {"type": "integer", "description": "The HTTP status."},
            "detail": {"type": "string", "description": "What is wrong with this request, in words."},
            "instance": {"type": "string", "description": "The path of the request."},
            "code": {"type": "string", "description": "A stable code, for programs."},
            "errors": {
                "type": "array",
                "description": "Each thing that is wrong in what was sent.",
                "items": {"$ref": f"{REF}Fault"},
            },
        },
        "required": ["type", "title", "status", "detail", "instance", "code"],
    },
    "Fault": {
        "title": "Fault",
        "description": "One thing that is wrong in what was sent.",
        "type": "object",
        "properties": {
            "path": {
                "type": "string",
                "description": "The field, such as `endpoints[0].type`; empty for the whole body.",
            },
            "message": {"type": "string", "description": "What is wrong there."},
            "position": {
                "type": "integer",
                "description": "The index of the character, in texts that are parsed.",
            },
        },
        "required": ["path", "message"],
        "additionalProperties": False,
    },
}

RESPONSES: dict[str, Schema] = {
    kind.__name__: {"description": kind.title() + "."}
    | ({"headers": _HEADERS[status]} if status in _HEADERS else {})
    | {"content": {"application/problem+json": {"schema": {"$ref": f"{REF}Problem"}}}}
    for status, kind in sorted(_KINDS.items())
}


def response_of(status: int) -> Schema:
    return {"$ref": f"#/components/responses/{_KINDS[status].__name__}"}
