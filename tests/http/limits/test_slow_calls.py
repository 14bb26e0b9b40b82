"""Calls that take long wait for a thread, and those of one account do not take all threads."""

import threading

import anyio
import pytest

from earwitness.http.limits.slow_calls import SlowCalls
from earwitness.kernel.deadlines import Deadline, deadline
from earwitness.kernel.errors import Unavailable


def test_the_slow_calls_of_one_account_leave_threads_for_others() -> None:
    anyio.run(_nine_of_one_and_one_of_another)


async def _nine_of_one_and_one_of_another() -> None:
    calls, may_end, begun = SlowCalls(4), threading.Event(), threading.Semaphore(0)
    ended: list[int] = []

    async def call(client_id: int) -> None:
        await calls.run(client_id, work)
        ended.append(client_id)

    def work() -> None:
        begun.release()
        assert may_end.wait(60)

    async with anyio.create_task_group() as group:
        for _ in range(9):
            group.start_soon(call, 1)
        for _ in range(3):
            assert await anyio.to_thread.run_sync(begun.acquire, True, 60)
        group.start_soon(call, 2)
        assert await anyio.to_thread.run_sync(begun.acquire, True, 60), "the other account has a thread"
        assert not begun.acquire(blocking=False)
        may_end.set()
    assert sorted(ended) == [1] * 9 + [2]


def test_a_call_that_gets_no_thread_in_time_is_told_why_and_takes_none_later() -> None:
    anyio.run(_one_too_many)


async def _one_too_many() -> None:
    calls, may_end, begun = SlowCalls(2), threading.Event(), threading.Semaphore(0)

    def work() -> None:
        begun.release()
        assert may_end.wait(60)

    async with anyio.create_task_group() as group:
        for client_id in (1, 2):
            group.start_soon(calls.run, client_id, work)
            assert await anyio.to_thread.run_sync(begun.acquire, True, 60)
        deadline.set(Deadline(0.01))
        for client_id in (1, 2, 3):
            with pytest.raises(Unavailable, match="Too many recordings") as refused:
                await calls.run(client_id, work)
            assert refused.value.code == "slow-calls-taken"
            assert refused.value.headers["Retry-After"]
        may_end.set()
    deadline.set(None)
    assert await calls.run(3, lambda: "done") == "done"
