"""What a connection and a call that waits for something to happen tell each other.

Such a call can be answered at any time without what it waits for: when the server stops, or when others need
the connection.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from litestar.types import HTTPScope

_IN_STATE = "earwitness.wait"


@dataclass(slots=True)
class Wait:
    """The wait of one call."""

    is_over: bool = False


@contextmanager
def waiting(scope: HTTPScope) -> Iterator[Wait]:
    """Let the connection of a request know that its call waits."""
    wait = scope["state"][_IN_STATE] = Wait()
    try:
        yield wait
    finally:
        del scope["state"][_IN_STATE]


def wait_of(scope: HTTPScope) -> Wait | None:
    """The wait of a request, if its call waits."""
    wait = scope["state"].get(_IN_STATE)
    return wait if isinstance(wait, Wait) else None
