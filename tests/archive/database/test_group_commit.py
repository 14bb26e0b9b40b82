"""Group commit: the first thread writes for all who wait, and each gets its own outcome."""

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from earwitness.archive.database.group_commit import GroupCommit, Take
from earwitness.kernel.errors import OutOfTime
from tests.waiting import until


class Lost(Exception):
    """What was written may be lost."""


class Writer:
    """Writes numbers: each transaction waits until `go` is set, and is a list in `written`."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.written: list[list[int]] = []
        self.fails_before = self.fails_after = False

    def write_all(self, take: Take[int]) -> Sequence[int | Exception]:
        self.go.wait()
        if self.fails_before:
            raise Lost
        taken = list(take())
        if self.fails_after:
            raise Lost
        self.written.append(taken)
        return [Lost() if one < 0 else one * 10 for one in taken]


def begin(threads: ThreadPoolExecutor, group: GroupCommit, writer: Writer, *asked: int) -> list[Future[int]]:
    begun: list[Future[int]] = []
    for count, one in enumerate(asked, start=group.waiting + 1):
        begun.append(threads.submit(group.write, one, writer.write_all))
        until(lambda count=count: group.waiting == count, "it waits")  # type: ignore[misc]
    return begun


def test_what_waits_is_written_together_in_its_order() -> None:
    group, writer = GroupCommit(), Writer()
    with ThreadPoolExecutor(4) as threads:
        begun = begin(threads, group, writer, 1, 2, -3, 4)
        writer.go.set()
        assert [one.result() for one in (begun[0], begun[1], begun[3])] == [10, 20, 40]
        assert isinstance(begun[2].exception(), Lost)
    assert writer.written == [[1, 2, -3, 4]]
    assert group.write(5, writer.write_all) == 50


def test_a_transaction_has_a_limit_and_the_others_come_next() -> None:
    group, writer = GroupCommit(most=2), Writer()
    with ThreadPoolExecutor(5) as threads:
        begun = begin(threads, group, writer, 1, 2, 3, 4, 5)
        writer.go.set()
        assert [one.result() for one in begun] == [10, 20, 30, 40, 50]
    assert max(map(len, writer.written)) == 2
    assert sorted(one for written in writer.written for one in written) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("fault", ["fails_before", "fails_after"])
def test_where_the_transaction_fails_all_who_waited_are_told(fault: str) -> None:
    group, writer = GroupCommit(), Writer()
    setattr(writer, fault, True)
    with ThreadPoolExecutor(3) as threads:
        begun = begin(threads, group, writer, 1, 2, 3)
        writer.go.set()
        told = [one.exception() for one in begun]
    assert writer.written == []
    assert isinstance(told[0], Lost)
    assert all(isinstance(one, Lost) for one in told)
    setattr(writer, fault, False)
    assert group.write(4, writer.write_all) == 40


def test_one_whose_time_is_over_ends_no_other() -> None:
    now = [0.0]
    group, writer = GroupCommit(most=1, clock=lambda: now[0]), Writer()

    def wait_in_vain(_: Take[int]) -> Sequence[int | Exception]:
        now[0] += 60
        raise OutOfTime("Others had the account for too long.")

    with ThreadPoolExecutor(3) as threads:
        [first] = begin(threads, group, writer, 1)
        second = threads.submit(group.write, 2, wait_in_vain, 30)
        until(lambda: group.waiting == 2, "it waits")
        [third] = begin(threads, group, writer, 3)
        writer.go.set()
        assert (first.result(), third.result()) == (10, 30)
        assert isinstance(second.exception(), OutOfTime)


def test_nobody_waits_longer_than_it_may() -> None:
    group, writer = GroupCommit(), Writer()
    with ThreadPoolExecutor(1) as threads:
        [first] = begin(threads, group, writer, 1)
        with pytest.raises(TimeoutError):
            group.write(2, writer.write_all, seconds=0)
        writer.go.set()
        assert first.result() == 10
    assert writer.written == [[1]]


def test_the_next_one_writes_while_what_follows_a_commit_is_done() -> None:
    group, receipt_is_written = GroupCommit(most=1), threading.Event()
    taken: list[int] = []
    done: list[str] = []

    def write_first(take: Take[int]) -> Sequence[int]:
        taken.extend(asked := take())
        take.pass_on()
        receipt_is_written.wait()
        done.append("receipt of the first")
        return asked

    def write_second(take: Take[int]) -> Sequence[int]:
        done.append("second")
        receipt_is_written.set()
        return take()

    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(group.write, 1, write_first)
        until(lambda: taken, "the first has taken its own")
        assert group.write(2, write_second) == 2
        assert first.result() == 1
    assert done == ["second", "receipt of the first"]


def test_a_failure_after_the_turn_was_passed_on_is_told_to_those_who_were_taken() -> None:
    group, writer = GroupCommit(most=2), Writer()

    def fail_after_the_commit(take: Take[int]) -> Sequence[int]:
        writer.go.wait()
        take()
        take.pass_on()
        raise Lost

    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(group.write, 1, fail_after_the_commit)
        until(lambda: group.waiting == 1, "it waits")
        second, third = begin(threads, group, writer, 2, 3)
        writer.go.set()
        assert isinstance(first.exception(), Lost)
        assert isinstance(second.exception(), Lost)
        assert third.result() == 30
    assert group.write(4, writer.write_all) == 40
