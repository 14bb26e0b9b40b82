"""Checks what a server needs, each in a thread of its own, so that no check waits for one that hangs."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from time import monotonic


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that does not work: a sentence for everybody, and the cause for operators."""

    sentence: str
    cause: str


Check = Callable[[], Missing | None]


@dataclass(slots=True)
class _Run:
    began_at: float
    found: "Future[Missing | None]"


class Checks:
    """The checks of one server. A check that hangs is not started again: later callers wait for it, too."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, _Run] = {}
        self._last_causes: dict[str, str] = {}

    async def ask(self, checks: Mapping[str, Check], seconds: float) -> dict[str, Missing]:
        """Run checks. Returns what is missing, by name. A check that takes longer counts as missing."""
        runs = {name: self._run(name, check) for name, check in checks.items()}
        await asyncio.wait([asyncio.wrap_future(run.found) for run in runs.values()], timeout=seconds)
        found = {name: self._found(name, run) for name, run in runs.items()}
        return {name: missing for name, missing in found.items() if missing}

    def _run(self, name: str, check: Check) -> _Run:
        with self._lock:
            run = self._running.get(name)
            if run is None or run.found.done():
                run = self._running[name] = _Run(monotonic(), Future())
                work = threading.Thread(
                    target=_do, args=(check, run.found), name=f"check-{name}", daemon=True
                )
                work.start()
        return run

    def _found(self, name: str, run: _Run) -> Missing | None:
        if run.found.done():
            missing = run.found.result()
            self._last_causes[name] = missing.cause if missing else ""
            return missing
        cause = f"no answer for {monotonic() - run.began_at:.0f} s"
        if before := self._last_causes.get(name):
            cause += f"; before that, {before}"
        return Missing(f"The check of {name} has no answer.", cause)


def _do(check: Check, found: "Future[Missing | None]") -> None:
    try:
        found.set_result(check())
    except Exception as error:  # a check that fails counts as missing
        found.set_result(Missing("Something that the server needs cannot be checked.", type(error).__name__))
