"""One process of an installation. It can be started, paused, killed, and started again."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from bench.soak_server import children


class Part:
    """A process and its command, which is the same each time it is started."""

    def __init__(self, name: str, words: Sequence[object], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self._words = list(map(str, words))
        self._environment = dict(environment)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, **changed: str) -> None:
        """Start it. `changed` settings replace the usual ones."""
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
        """Ask it to end, and kill what is left after this time."""
        if self._process is not None:
            self._process.send_signal(how)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        self.kill()

    def kill(self) -> None:
        """Kill it and all processes that it started."""
        if self._process is not None:
            self.signal(signal.SIGSTOP)  # otherwise a parent could start new children meanwhile
            self.signal(signal.SIGKILL)
            self._process.wait()

    def signal(self, what: signal.Signals) -> None:
        """Send a signal to it and to all its descendants, parents first."""
        if self._process is not None and self._process.returncode is None:
            for pid in process_tree(self._process.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, what)


def process_tree(pid: int) -> list[int]:
    """A process and all its descendants, parents first."""
    return [pid, *(one for child in children(pid) for one in process_tree(child))]
