"""What a connection and the handler of its request tell each other about the body and its sender."""

from dataclasses import dataclass
from typing import Any

from litestar import Request

IN_STATE = "earwitness.body"
"""The key of the Body in the state of a request's scope."""


@dataclass(slots=True)
class Body:
    """How much of a body has arrived, whether it may arrive slowly, and whether its sender is signed in."""

    size: int = 0
    is_upload: bool = False
    is_signed_in: bool = False


def take_upload(request: Request[Any, Any, Any]) -> None:
    """Let the body of a signed-in caller arrive slowly, as long as it does not stop."""
    body = request.scope["state"].get(IN_STATE)
    if isinstance(body, Body):
        body.is_upload = True


def know_sender(request: Request[Any, Any, Any]) -> None:
    """Note that the sender is signed in: its connection is not closed to make room for others."""
    body = request.scope["state"].get(IN_STATE)
    if isinstance(body, Body):
        body.is_signed_in = True
