"""A thread that waits for jobs is woken by a call for its kind, and one call wakes one."""

import threading

import pytest

from earwitness.archive.jobs.kinds import JobKind
from earwitness.archive.jobs.wake_ups import WakeUps
from tests.waiting import until

LONG = 60


@pytest.fixture
def wake_ups() -> WakeUps:
    return WakeUps()


def waiting(wake_ups: WakeUps, kind: JobKind = "process") -> threading.Thread:
    thread = threading.Thread(target=wake_ups.wait, args=(kind, LONG), daemon=True)
    thread.start()
    return thread


def test_a_call_before_the_wait_is_not_lost(wake_ups: WakeUps) -> None:
    wake_ups.wake("process")
    waiting(wake_ups).join(LONG / 2)
    wake_ups.answer("process")
    still_waits = waiting(wake_ups)
    assert still_waits.is_alive()
    wake_ups.wake("process")
    still_waits.join(LONG / 2)
    assert not still_waits.is_alive()


def test_a_call_for_another_kind_wakes_nobody(wake_ups: WakeUps) -> None:
    indexing, processing = waiting(wake_ups, "index"), waiting(wake_ups)
    wake_ups.wake("process")
    processing.join(LONG / 2)
    assert indexing.is_alive()
    wake_ups.end()
    indexing.join(LONG / 2)
    assert not indexing.is_alive()


def test_many_calls_that_nobody_answered_are_soon_forgotten(wake_ups: WakeUps) -> None:
    for _ in range(10_000):
        wake_ups.wake("process")
    for _ in range(100):
        wake_ups.answer("process")
    thread = waiting(wake_ups)
    assert thread.is_alive()
    wake_ups.end()
    until(lambda: not thread.is_alive(), "the thread has ended")
