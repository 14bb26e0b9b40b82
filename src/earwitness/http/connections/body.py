"""The body of a request, as its connection counts it and its handler asks for it."""

from dataclasses import dataclass
from typing import Any

from litestar import Request

IN_STATE = "earwitness.body"
"""Where a request's scope has its Body, among its `state`."""


@dataclass(slots=True)
class Body:
    """What has come of a body, and whether it may take as long as its sender needs."""

    size: int = 0
    is_upload: bool = False


def take_upload(request: Request[Any, Any, Any]) -> None:
    """Let the body of a signed-in caller come as slowly as it does, as long as it moves on."""
    body = request.scope["state"].get(IN_STATE)
    if isinstance(body, Body):
        body.is_upload = True
