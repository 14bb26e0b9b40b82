"""Counts the calls that were refused for a limit, and keeps the counts for `earwitness status`."""

import logging
import threading
from pathlib import Path

from earwitness.archive.upkeep import refusals
from earwitness.archive.upkeep.limits import LIMITS
from earwitness.archive.upkeep.refusals import Counted
from earwitness.kernel.clock import now_ms
from earwitness.kernel.errors import Problem

log = logging.getLogger(__name__)

_EVERY_SECONDS = 60.0
_STOP_SECONDS = 5.0


class Refusals:
    """What this process refused and has not written yet.

    A thread writes the first refusal at once and what follows at most once a minute, so no call waits for it.
    """

    def __init__(self, data: Path, every_seconds: float = _EVERY_SECONDS) -> None:
        self._data = data
        self._every_seconds = every_seconds
        self._lock = threading.Lock()
        self._new: dict[str, Counted] = {}
        self._noted = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="refusals", daemon=True)

    def note(self, code: str) -> None:
        """Count a refusal by the code of its problem, if a limit is the reason."""
        if code in LIMITS:
            now = now_ms()
            self._add({code: Counted(1, now, now)})
            self._noted.set()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Write what is left."""
        self._stopping.set()
        self._noted.set()
        self._thread.join(_STOP_SECONDS)  # and no longer: it may wait for a disk that does not answer

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._noted.wait()
            self._noted.clear()
            self._keep()
            self._stopping.wait(self._every_seconds)
        self._keep()

    def _keep(self) -> None:
        with self._lock:
            new, self._new = self._new, {}
        if not new:
            return
        try:
            refusals.add(self._data, new)
        except (OSError, Problem) as error:
            log.warning(
                "`earwitness status` lacks calls that were refused: %s. They are written later",
                type(error).__name__,
            )
            self._add(new)
            self._noted.set()

    def _add(self, new: refusals.Counts) -> None:
        with self._lock:
            for code, counted in new.items():
                known = self._new.get(code)
                self._new[code] = counted if known is None else known + counted
