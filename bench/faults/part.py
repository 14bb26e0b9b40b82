"""One process of an installation, which can be started, killed, stopped for a while, and started again."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from bench.soak_server import children


class Part:
    """A process, and how it is started: the same words each time, in the same place."""

    def __init__(self, name: str, words: Sequence[object], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self._words = list(map(str, words))
        self._environment = dict(environment)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, **changed: str) -> None:
        """Start it, with settings that differ from the usual ones."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._words,
                env=self._environment | changed,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def end(self, how: signal.Signals, seconds: float = 20) -> None:
        """Ask it to end, and kill what is left of it after that."""
        if self._process is not None:
            self._process.send_signal(how)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        self.kill()

    def kill(self) -> None:
        """Kill it with everything that it started, at once."""
        if self._process is not None:
            self.signal(signal.SIGSTOP)  # or a parent starts new ones meanwhile
            self.signal(signal.SIGKILL)
            self._process.wait()

    def signal(self, what: signal.Signals) -> None:
        """Send a signal to it and to all that descend from it, from the top down."""
        if self._process is not None and self._process.returncode is None:
            for pid in descent(self._process.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, what)


def descent(pid: int) -> list[int]:
    """A process, its children, and theirs."""
    return [pid, *(one for child in children(pid) for one in descent(child))]
