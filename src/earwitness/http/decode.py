"""Reads what a request sent, its body or its query, as plain values."""

from typing import Any

from litestar import Request

from earwitness.kernel import strict_json
from earwitness.kernel.errors import BadRequest, Fault, UnsupportedMedia
from earwitness.operations.decode import number_or_text, unknown_parameters


def parse(request: Request[Any, Any, Any], body: bytes, *, from_query: bool) -> Any:
    """Read the body, or the query, as plain values. Raises BadRequest, or UnsupportedMedia (415)."""
    if from_query:
        return _query(request)
    check_body_alone(request)
    return strict_json.loads(body) if body.strip() else {}


def check_body_alone(request: Request[Any, Any, Any]) -> None:
    """Raise BadRequest where there is a query, UnsupportedMedia (415) where the body is not JSON."""
    if request.query_params:
        raise unknown_parameters(request.query_params)
    _check_content_type(request.headers.get("content-type"))


def path_id(request: Request[Any, Any, Any]) -> int:
    """The `{id}` of a path, 0 where it has none. Raises BadRequest for what is no id."""
    text = request.path_params.get("id")
    if text is None:
        return 0
    found = number_or_text(text)
    if isinstance(found, str) or not 1 <= found <= strict_json.MAX_INTEGER:
        raise BadRequest.of(Fault("id", "expected an id, a whole number from 1"))
    return found


def _query(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Query parameters, numbers read as numbers; strings stay as they are."""
    values: dict[str, Any] = {}
    for name, text in request.query_params.items():  # multi_items() has no order
        if name in values:
            raise BadRequest.of(Fault(name, "given twice"))
        values[name] = number_or_text(text)
    return values


def _check_content_type(content_type: str | None) -> None:
    if content_type is None or not content_type.strip():
        return
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = [p.partition("=")[2].strip('" ') for p in parameters if p.startswith("charset")]
    if kind != "application/json" or any(charset not in {"utf-8", "utf8"} for charset in charsets):
        raise UnsupportedMedia("Send application/json in UTF-8.")
