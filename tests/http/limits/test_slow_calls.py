"""Calls that take long wait for a thread, and those of one account do not take all threads."""

import threading

import anyio

from earwitness.http.limits.slow_calls import SlowCalls


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
