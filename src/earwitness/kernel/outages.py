"""What is out, in the log: a line when it begins, one a minute while it lasts, and one when it is over.

Whoever asks something that can be out says how that went: `failed` or `worked`, by its name. Thousands may
ask, and nobody is to read thousands of lines. Each process tells of what it saw itself.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

log = logging.getLogger(__name__)

SAID_EVERY_SECONDS = 60
QUIET_SECONDS = 5
"""How long nothing may have failed before it is over: some calls may go well meanwhile."""


@dataclass(slots=True)
class _Outage:
    began_at: float
    said_at: float
    failed_at: float
    cause: str
    failures: int = 1


class Outages:
    """What is out at the moment, by name."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now: dict[str, _Outage] = {}

    @property
    def are_there(self) -> bool:
        return bool(self._now)

    def failed(self, what: str, cause: str, key: str = "") -> None:
        """Tell that something did not do its part. `key` tells those apart that have one name."""
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
        """Let what is out begin anew: the log was told nothing of it so far."""
        with self._lock:
            self._now.clear()

    def worked(self, what: str, key: str = "") -> None:
        """Tell that something did its part; nearly always there is nothing to say."""
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
"""Those of this process."""


def _fields(what: str, state: str, cause: str, **more: object) -> dict[str, object]:
    return {"fields": {"outage": what, "state": state, "cause": cause, **more}}


def tell(write: Callable[..., None], error: Exception, message: str, *given: object) -> None:
    """Log that something could not be done because of an error, unless that is of an outage, told already.

    `write` is a logger's method, `message` and what is `given` for it are its own; the kind of the error is
    added.
    """
    if not getattr(error, "is_told", False):
        write(f"{message}: %s", *given, type(error).__name__)
