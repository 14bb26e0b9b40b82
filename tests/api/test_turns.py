"""Quick calls take turns, and none is held up for long."""

import asyncio

from earwitness.http.turns import Turns


async def _go(turns: Turns, name: str, seen: list[str], until: asyncio.Event | None = None) -> None:
    async with turns.take():
        seen.append(f"{name} begins")
        await (until.wait() if until else asyncio.sleep(0))
        seen.append(f"{name} ends")


def test_quick_calls_go_one_after_another_in_the_order_they_came() -> None:
    async def calls() -> list[str]:
        seen: list[str] = []
        turns = Turns(longest_seconds=3600)
        await asyncio.gather(*(_go(turns, name, seen) for name in "abc"))
        return seen

    assert asyncio.run(calls()) == ["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]


def test_a_slow_call_holds_up_no_other_for_long() -> None:
    async def calls() -> list[str]:
        seen: list[str] = []
        turns, other_is_done = Turns(longest_seconds=0), asyncio.Event()
        slow = asyncio.create_task(_go(turns, "slow", seen, other_is_done))
        await asyncio.create_task(_go(turns, "quick", seen))
        other_is_done.set()
        await slow
        await _go(turns, "next", seen)
        return seen

    assert asyncio.run(calls()) == [
        "slow begins",
        "quick begins",
        "quick ends",
        "slow ends",
        "next begins",
        "next ends",
    ]


def test_a_call_that_fails_gives_its_turn_on() -> None:
    async def calls() -> list[str]:
        seen: list[str] = []
        turns = Turns(longest_seconds=3600)
        try:
            async with turns.take():
                raise ValueError
        except ValueError:
            await _go(turns, "next", seen)
        return seen

    assert asyncio.run(calls()) == ["next begins", "next ends"]
