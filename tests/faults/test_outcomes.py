"""The outcomes that clients saw are counted in the right classes."""

import httpx2
import pytest
from bench.faults.outcomes import (
    BROKEN,
    BUSY,
    FAILED,
    OK,
    REFUSED,
    SILENT,
    Outcome,
    Outcomes,
    all_targets_again,
    count,
    first_success,
    kind_of,
    longest,
    where,
)
from bench.faults.report import Row, failures, table
from bench.faults.rows import FAULTS

MAIN, OTHER = 1, 2


@pytest.mark.parametrize(
    ("came", "kind"),
    [
        (httpx2.Response(201), OK),
        (httpx2.Response(503, headers={"Retry-After": "5"}), BUSY),
        (httpx2.Response(503), FAILED),
        (httpx2.Response(500), FAILED),
        (httpx2.Response(401), REFUSED),
        (httpx2.ConnectError("refused"), BROKEN),
        (httpx2.ConnectTimeout("cut off"), BROKEN),
        (httpx2.RemoteProtocolError("closed"), BROKEN),
        (httpx2.ReadTimeout("nothing came"), SILENT),
    ],
)
def test_each_answer_and_each_error_counts_as_one_class(
    came: httpx2.Response | httpx2.TransportError, kind: str
) -> None:
    assert kind_of(came)[0] == kind


def outcome(
    began: float,
    ended: float,
    kind: str = OK,
    *,
    target: str = "a",
    account: int = MAIN,
    call: str = "ingested",
) -> Outcome:
    return Outcome(call, target, account, began, ended, kind, kind)


def test_classes_are_counted_with_their_sum_and_the_longest_wait() -> None:
    seen = [outcome(0, 1), outcome(1, 4, BUSY), outcome(2, 3)]
    assert {kind: number for kind, number in count(seen).items() if number} == {"all": 3, OK: 2, BUSY: 1}
    assert longest(seen) == 3
    assert longest([]) == 0


def test_the_first_success_is_of_a_call_that_began_after_the_moment() -> None:
    seen = [
        outcome(9, 11),
        outcome(10, 12, BUSY),
        outcome(11, 15),
        outcome(13, 14),
        outcome(10, 11, call="x"),
    ]
    assert first_success(seen, "ingested", 10) == 4
    assert first_success(seen, "ingested", 14) is None


def test_all_targets_work_again_when_the_last_one_does() -> None:
    seen = [outcome(1, 2), outcome(1, 6, target="b"), outcome(2, 3, target="b", kind=FAILED)]
    assert all_targets_again(seen, ["a", "b"], "ingested", 0) == 6
    assert all_targets_again(seen, ["a", "b", "c"], "ingested", 0) is None


def test_the_place_is_named_if_all_failures_are_at_one() -> None:
    at_b = outcome(0, 1, FAILED, target="b")
    assert where([outcome(0, 1), at_b], MAIN) == "at b alone"
    assert where([at_b, outcome(0, 1, BUSY)], MAIN) == ""
    assert where([outcome(0, 1, FAILED, account=OTHER), outcome(0, 1)], MAIN) == "the other account alone"
    assert where([outcome(0, 1)], MAIN) == ""


def test_a_request_belongs_to_the_time_in_which_it_began() -> None:
    seen = Outcomes()
    for began in (1, 2, 3):
        seen.add(outcome(began, 9))
    assert [one.began for one in seen.between(2, 3)] == [2]


def test_a_row_has_a_cell_for_each_heading_and_never_for_what_did_not_happen() -> None:
    row = Row("x", "a server killed", 0, count([outcome(0, 1)]), 1.26, 0.0, 0.5, None, None, "at b alone")
    headings, _, cells = table([row]).splitlines()
    assert headings.count("|") == cells.count("|")
    assert "| a server killed | 1 | 1 | 0 |" in cells
    assert "| 0.5 | never | never |" in cells


def test_failures_are_named_by_call_and_place() -> None:
    seen = [outcome(0, 1), outcome(0, 1, BUSY), outcome(0, 1, BUSY)]
    assert failures(seen) == {f"ingested at a: {BUSY}": 2}


def test_no_two_faults_have_the_same_title() -> None:
    assert len({fault.title for fault in FAULTS.values()}) == len(FAULTS)
