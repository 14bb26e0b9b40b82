"""Whether the server stops: then a call that waits for something to happen is answered without it."""

from litestar.types import HTTPScope

_IN_STATE = "earwitness.stopping"


def note_stopping(scope: HTTPScope) -> None:
    """Note in the scope of a request that its connection is the last of its kind."""
    scope["state"][_IN_STATE] = True


def is_stopping(scope: HTTPScope) -> bool:
    """Whether the server that has a request stops."""
    return scope["state"].get(_IN_STATE) is True
