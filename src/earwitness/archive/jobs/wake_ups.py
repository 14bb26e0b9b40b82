"""Wakes the threads of this process that wait for jobs: one for each job that it queues."""

import threading

from earwitness.archive.jobs.kinds import JOB_KINDS, JobKind

_MOST_CALLS = 16
"""How many calls are remembered while nobody waits. Other processes may have taken the jobs by then."""


class _Calls:
    """The calls for jobs of one kind that nobody has followed yet."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.left = 0


class WakeUps:
    """Calls for threads that take jobs. A thread answers one call, so that the others sleep on."""

    def __init__(self) -> None:
        self._calls = {kind: _Calls() for kind in JOB_KINDS}
        self._is_over = False

    def wake(self, *kinds: JobKind) -> None:
        """Call one thread for each of these kinds: such a job was queued."""
        for kind in kinds:
            calls = self._calls[kind]
            with calls.changed:
                calls.left = min(calls.left + 1, _MOST_CALLS)
                calls.changed.notify()

    def answer(self, kind: JobKind) -> None:
        """Note that the calling thread looks for a job now: that answers one call."""
        calls = self._calls[kind]
        with calls.changed:
            calls.left = max(calls.left - 1, 0)

    def wait(self, kind: JobKind, seconds: float) -> None:
        """Wait for a call, at most so long."""
        calls = self._calls[kind]
        with calls.changed:
            if not calls.left and not self._is_over:
                calls.changed.wait(seconds)

    def end(self) -> None:
        """Wake all, for good."""
        self._is_over = True
        for calls in self._calls.values():
            with calls.changed:
                calls.changed.notify_all()
