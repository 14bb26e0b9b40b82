"""A request, as its connection counts its body, and as its handler knows its sender."""

from dataclasses import dataclass
from typing import Any

from litestar import Request

IN_STATE = "earwitness.body"
"""Where a request's scope has its Body, among its `state`."""


@dataclass(slots=True)
class Body:
    """What has come of a body, whether it may take as long as its sender needs, and if that is known."""

    size: int = 0
    is_upload: bool = False
    is_signed_in: bool = False


def take_upload(request: Request[Any, Any, Any]) -> None:
    """Let the body of a signed-in caller come as slowly as it does, as long as it moves on."""
    body = request.scope["state"].get(IN_STATE)
    if isinstance(body, Body):
        body.is_upload = True


def know_sender(request: Request[Any, Any, Any]) -> None:
    """Say that the sender is signed in: its connection does not go for those of others."""
    body = request.scope["state"].get(IN_STATE)
    if isinstance(body, Body):
        body.is_signed_in = True
