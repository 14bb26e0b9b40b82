"""On SQLite small searches are answered in the event loop's own thread; large ones hold up nobody there."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import bindparam, text

from earwitness.app import API, build
from earwitness.archive.filters import RecordingSearch
from earwitness.archive.search import is_soon_found
from earwitness.http import road
from earwitness.http.road import Call
from earwitness.kernel.rights import Right
from earwitness.kernel.settings import Settings
from earwitness.kernel.wire import Wire, convert
from tests.firm import Firm

COUNTED = text(
    "WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < :until)"
    " SELECT count(*) FROM counted"
).bindparams(bindparam("until"))

_has_begun = threading.Event()


class Until(Wire):
    """How far to count."""

    until: int


class Counted(Wire):
    """How far it was counted, and in which of the process's threads."""

    count: int
    thread: int


@road.read("/count", right=Right.RECORDING_VIEW, at_once=lambda wanted: wanted.until % 10 == 0)
def count(call: Call, wanted: Until) -> Counted:
    """Count; what is no multiple of ten is not even tried at once."""
    _has_begun.set()
    found = call.connection.execute(COUNTED, {"until": wanted.until}).scalar_one()
    return Counted(count=found, thread=threading.get_ident())


@pytest.fixture
def firm(settings: Settings) -> Iterator[Firm]:
    with Firm(settings, build(settings, routes=[*API, count])) as firm:
        yield firm


def _is_of_the_loop(firm: Firm, counted: Counted) -> bool:
    with firm.client.portal() as portal:
        return bool(portal.call(threading.get_ident) == counted.thread)


def _count(firm: Firm, until: int) -> Counted:
    return convert(firm.post("/count", {"until": until}), Counted)


def test_what_is_small_is_answered_at_once(firm: Firm) -> None:
    counted = _count(firm, 100)
    assert counted.count == 100
    assert _is_of_the_loop(firm, counted) == (not firm.settings.database_url)


@pytest.mark.parametrize("until", [101, 1_000_000], ids=["not tried", "tried and broken off"])
def test_what_is_larger_is_answered_all_the_same_and_elsewhere(firm: Firm, until: int) -> None:
    counted = _count(firm, until)
    assert counted.count == until
    assert not _is_of_the_loop(firm, counted)


def test_what_takes_long_holds_up_nobody(settings: Settings) -> None:
    _has_begun.clear()
    hurried = replace(settings, request_seconds=5)
    with (
        Firm(hurried, build(hurried, routes=[*API, count])) as firm,
        ThreadPoolExecutor(1) as elsewhere,
    ):
        firm.ingest()
        without_end = elsewhere.submit(firm.call, "POST", "/count", {"until": 10**12})
        assert _has_begun.wait(60)
        assert firm.search() == ["call-1"]
        assert not without_end.done()
        assert without_end.result().json()["code"] == "out-of-time"


@pytest.mark.parametrize(
    "wanted",
    [
        {"dateTimeRange": {"from": "2026-05-14", "to": "2026-05-15"}},
        {"freeText": "shares"},
        {"freeText": "shares", "dateTimeRange": {"from": "2024-01-01"}},
        {"endpointIds": {"include": [1]}},
        {"thirdPartyIds": {"include": ["call-1"]}},
    ],
    ids=str,
)
def test_a_narrow_search_is_tried_at_once(wanted: dict[str, object]) -> None:
    assert is_soon_found(convert(wanted, RecordingSearch))


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"dateTimeRange": {"from": "2026-05-14"}},
        {"dateTimeRange": {"from": "2025-05-14", "to": "2026-05-14"}},
        {"endpointIds": {"exclude": [1]}},
        {"direction": "In"},
        # Each of these is one long step of FTS5, which nothing breaks off.
        {"freeText": "shares sold"},
        {"freeText": '"shares sold"', "endpointIds": {"include": [1]}},
        {"freeText": "share*", "dateTimeRange": {"from": "2026-05-14", "to": "2026-05-15"}},
        {"freeText": "-shares"},
    ],
    ids=str,
)
def test_a_wide_search_is_not(wanted: dict[str, object]) -> None:
    assert not is_soon_found(convert(wanted, RecordingSearch))
