"""Outages in the log: a line when one begins, one a minute while it lasts, and one when it is over.

Code that uses something that can be out, such as the database, reports by name whether it `failed` or
`worked`. So thousands of failing requests write a few lines. Each process logs the outages that it sees
itself.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

log = logging.getLogger(__name__)

SAID_EVERY_SECONDS = 60
QUIET_SECONDS = 5
"""An outage is over when something works and nothing failed for this time: some calls work during one."""


@dataclass(slots=True)
class _Outage:
    began_at: float
    said_at: float
    failed_at: float
    cause: str
    failures: int = 1


class Outages:
    """The present outages of this process, by name."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now: dict[str, _Outage] = {}

    @property
    def are_there(self) -> bool:
        return bool(self._now)

    def failed(self, what: str, cause: str, key: str = "") -> None:
        """Report a failure. `key` distinguishes things that have the same name in the log."""
        now = monotonic()
        with self._lock:
            outage = self._now.get(key or what)
            if outage is None:
                self._now[key or what] = _Outage(now, now, now, cause)
                message = "outage of the %s: %s"
                log.error(message, what, cause, extra=_fields(what, "begins", cause))
                return
            outage.failed_at, outage.cause = now, cause
            outage.failures += 1
            if now - outage.said_at < SAID_EVERY_SECONDS:
                return
            outage.said_at = now
            more = {"seconds": round(now - outage.began_at), "failures": outage.failures}
            message = "the outage of the %s goes on: %s"
            log.error(message, what, cause, extra=_fields(what, "goes on", cause, **more))

    def forget(self) -> None:
        """Log present outages again as ones that begin: so far nothing was logged of them."""
        with self._lock:
            self._now.clear()

    def worked(self, what: str, key: str = "") -> None:
        """Report a success. Nearly always there is no outage, and nothing to do."""
        if not self._now:
            return
        now = monotonic()
        with self._lock:
            outage = self._now.get(key or what)
            if outage is None or now - outage.failed_at < QUIET_SECONDS:
                return
            del self._now[key or what]
        more = {"seconds": round(now - outage.began_at), "failures": outage.failures}
        log.warning(
            "the outage of the %s is over", what, extra=_fields(what, "is over", outage.cause, **more)
        )


outages = Outages()
"""The outages of this process."""


def _fields(what: str, state: str, cause: str, **more: object) -> dict[str, object]:
    return {"fields": {"outage": what, "state": state, "cause": cause, **more}}


def tell(write: Callable[..., None], error: Exception, message: str, *arguments: object) -> None:
    """Log that something failed because of an error, unless the error belongs to an outage that is logged.

    `write` is a method of a logger. It is called with the message, its arguments and the type of the error.
    """
    if not getattr(error, "is_told", False):
        write(f"{message}: %s", *arguments, type(error).__name__)
