"""Quick calls wait in one queue, and none is held up for long."""

import asyncio

from earwitness.http.limits.fair_queue import FairQueue


async def _go(fair_queue: FairQueue, name: str, seen: list[str], until: asyncio.Event | None = None) -> None:
    async with fair_queue.take():
        seen.append(f"{name} begins")
        await (until.wait() if until else asyncio.sleep(0))
        seen.append(f"{name} ends")


def test_quick_calls_run_one_after_another_in_the_order_of_arrival() -> None:
    async def calls() -> list[str]:
        seen: list[str] = []
        fair_queue = FairQueue(longest_seconds=3600)
        await asyncio.gather(*(_go(fair_queue, name, seen) for name in "abc"))
        return seen

    assert asyncio.run(calls()) == ["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]


def test_a_slow_call_holds_up_no_other_for_long() -> None:
    async def calls() -> list[str]:
        seen: list[str] = []
        fair_queue, other_is_done = FairQueue(longest_seconds=0), asyncio.Event()
        slow = asyncio.create_task(_go(fair_queue, "slow", seen, other_is_done))
        await asyncio.create_task(_go(fair_queue, "quick", seen))
        other_is_done.set()
        await slow
        await _go(fair_queue, "next", seen)
        return seen

    assert asyncio.run(calls()) == [
        "slow begins",
        "quick begins",
        "quick ends",
        "slow ends",
        "next begins",
        "next ends",
    ]


def test_a_call_that_fails_ends_its_turn() -> None:
    async def calls() -> list[str]:
        seen: list[str] = []
        fair_queue = FairQueue(longest_seconds=3600)
        try:
            async with fair_queue.take():
                raise ValueError
        except ValueError:
            await _go(fair_queue, "next", seen)
        return seen

    assert asyncio.run(calls()) == ["next begins", "next ends"]
