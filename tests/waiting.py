"""Waiting for what happens in another thread or process: until it is so, and no longer than a deadline."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_BETWEEN_LOOKS_SECONDS = 0.05


def until(look: Callable[[], T], what: str, seconds: float = 30) -> T:
    """Look again and again until there is something to see; it fails, naming `what`, at the deadline."""
    deadline = time.monotonic() + seconds
    between = threading.Event()
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < deadline, f"still not so after {seconds} seconds: {what}"
        between.wait(_BETWEEN_LOOKS_SECONDS)
