"""Reads what was sent as the type that an operation takes."""

from collections.abc import Iterable
from typing import Any

from earwitness.kernel.errors import BadRequest, Fault
from earwitness.kernel.strict_json import printable
from earwitness.kernel.wire import convert
from earwitness.operations.operations import Operation


def decode(operation: Operation, sent: Any) -> Any:
    """Read plain values as what an operation takes. Raises BadRequest naming each field that does not fit."""
    if operation.takes is not None:
        return convert(sent, operation.takes)
    if sent:
        no_body = BadRequest.of(Fault("", "expected no body"))
        raise unknown_parameters(sent) if operation.reads_query else no_body
    return None


def unknown_parameters(names: Iterable[str]) -> BadRequest:
    """The problem of a query with parameters that the operation does not have."""
    return BadRequest.of(*(Fault(printable(name), "unknown query parameter") for name in names))


def number_or_text(text: str) -> int | str:
    """The number that a text is, else the text itself. A number with too many digits stays a text."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else text
