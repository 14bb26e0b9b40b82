"""Waits for something in another thread or process, with a deadline."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_BETWEEN_LOOKS_SECONDS = 0.05


def until(look: Callable[[], T], what: str, seconds: float = 30) -> T:
    """Call `look` until it returns something true. Fails at the deadline, and names `what`."""
    deadline = time.monotonic() + seconds
    between = threading.Event()
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < deadline, f"still not so after {seconds} seconds: {what}"
        between.wait(_BETWEEN_LOOKS_SECONDS)
