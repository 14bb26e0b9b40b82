"""Impossible values of filters, far-out bounds, and the conditions that each filter makes."""

from typing import Any

import msgspec
import pytest

from earwitness.archive.database.timeline import Window
from earwitness.archive.search.filter_conditions import FILTERS, SearchContext, checked, conditions_of
from earwitness.archive.search.filters import RecordingFilters
from earwitness.archive.search.free_text import parse_free_text
from earwitness.cli.calling import operator
from earwitness.kernel.wire import convert
from tests.firm import ADMIN, CLIENT_ID, Firm


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        ({"dateTimeRange": {"from": "2026-05-13", "to": "2026-05-12"}}, "dateTimeRange"),
        ({"dateTimeRange": {"from": "9999-12-31", "to": "2200-01-01"}}, "dateTimeRange"),
        ({"dateTimeRange": {"to": "for ever"}}, "dateTimeRange.to"),
        ({"durationRangeInSeconds": {"min": 2, "max": 1}}, "durationRangeInSeconds"),
        ({"durationRangeInSeconds": {"min": -1, "max": -2}}, "durationRangeInSeconds"),
        ({"timeRanges": {"include": [{"from": "10:00", "to": "10:00"}]}}, "timeRanges.include[0]"),
        ({"timeRanges": {"include": [{"from": "25:00", "to": "10:00"}]}}, "timeRanges.include[0].from"),
        ({"timeRanges": {"include": [{"from": "09:30\n", "to": "10:00"}]}}, "timeRanges.include[0].from"),
        ({"timeRanges": {"timeZone": "Mars/Olympus"}}, "timeRanges.timeZone"),
        ({"timeRanges": {"timeZone": ""}}, "timeRanges.timeZone"),
        ({"timeRanges": {"timeZone": "localtime"}}, "timeRanges.timeZone"),
        ({"timeRanges": {"timeZone": "right/UTC"}}, "timeRanges.timeZone"),
        ({"timeRanges": {"include": [{"from": "1٣:00", "to": "14:00"}]}}, "timeRanges.include[0].from"),
        (
            {"communicationsBetween": {"first": {"endpointIds": [1]}, "second": {}}},
            "communicationsBetween.second",
        ),
        ({"recordingIds": {"include": [0]}}, "recordingIds.include[0]"),
        ({"recordingIds": {"inclde": [1]}}, "recordingIds.inclde"),
        ({"pageSize": 1001}, "pageSize"),
        ({"page": 0}, "page"),
        ({"direction": "Sideways"}, "direction"),
        ({"freeText": '"unclosed'}, "freeText"),
        ({"freeText": "?! &"}, "freeText"),
        ({"endpointIds": {"include": [1] * 10_001}}, "endpointIds.include"),
    ],
)
def test_a_filter_with_an_impossible_value_is_named(firm: Firm, wanted: dict[str, Any], path: str) -> None:
    response = firm.call("POST", "/client/recording.search", wanted)
    assert response.status_code == 400
    assert [fault["path"] for fault in response.json()["errors"]] == [path]


NO_BOUND: list[dict[str, Any]] = [
    {"dateTimeRange": {"from": "0001-01-01T00:00:00Z", "to": "9999-12-31T23:59:59Z"}},
    {"dateTimeRange": {"from": "1900-01-01", "to": "2200-01-01T00:00:00Z"}},
    {"dateTimeRange": {"from": "0001-01-01T00:00:00+14:00", "to": "9999-12-31T23:59:59.999-12:00"}},
    {"durationRangeInSeconds": {"min": -1, "max": 2**53 - 1}},
    {"durationRangeInSeconds": {"min": -1.7e308, "max": 1.7e308}},
]
NOTHING: list[dict[str, Any]] = [
    {"dateTimeRange": {"to": "1900-01-01"}},
    {"dateTimeRange": {"from": "2200-01-01T00:00:00Z"}},
    {"dateTimeRange": {"from": "9999-12-31"}, "freeText": "call*"},
    {"durationRangeInSeconds": {"max": -1}},
    {"durationRangeInSeconds": {"max": -0.0001}},
    {"durationRangeInSeconds": {"min": 999_999_999_999}},
]


@pytest.mark.usefixtures("however_many")
def test_a_bound_beyond_all_recordings_excludes_nothing(firm: Firm) -> None:
    firm.ingest(thirdPartyId="call-first", startDatetimeUTC="1970-01-01T00:00:00Z", durationInSeconds=0)
    firm.ingest(
        thirdPartyId="call-last",
        startDatetimeUTC="2199-12-31T23:59:59.999Z",
        endDatetimeUTC="2199-12-31T23:59:59.999Z",
    )
    firm.ingest(
        thirdPartyId="call-longest",
        startDatetimeUTC="1970-01-01T00:00:00.001Z",
        endDatetimeUTC="2199-12-31T23:59:59.999Z",
    )
    every = ["call-last", "call-longest", "call-first"]
    assert [firm.search(**wanted) for wanted in NO_BOUND] == [every for _ in NO_BOUND]
    assert [firm.search(**wanted) for wanted in NOTHING] == [[] for _ in NOTHING]


def test_ten_thousand_ids_in_every_filter_are_accepted(firm: Firm) -> None:
    firm.ingest()
    many = {"include": list(range(1, 10_001))}
    wanted = dict.fromkeys(("recordingIds", "endpointIds", "personIds", "userIds", "tagIds"), many)
    assert firm.search(recordingIds=many, endpointIds=many) == ["call-1"]
    assert firm.search(as_user=ADMIN, **wanted) == []


class WiderFilters(RecordingFilters):
    sentiment: str | None = None


def test_a_filter_without_conditions_does_not_start() -> None:
    with pytest.raises(TypeError, match="no row in FILTERS for sentiment"):
        checked(FILTERS, WiderFilters)


def test_conditions_without_a_filter_do_not_start() -> None:
    with pytest.raises(TypeError, match="no field in RecordingFilters for sentiment of FILTERS"):
        checked({**FILTERS, "sentiment": FILTERS["free_text"]}, RecordingFilters)


IDS = {"include": [1], "exclude": [2]}
BOTH_SIGNS = ["{}", "{}.exclude"]
EXAMPLES: dict[str, tuple[Any, list[str]]] = {
    "dateTimeRange": ({"from": "2026-05-12"}, ["the window"]),
    "direction": ("In", ["{}"]),
    "isPrivate": (False, ["{}"]),
    "communicationTypes": ({"include": ["sms"], "exclude": ["phone"]}, BOTH_SIGNS),
    "recordingIds": (IDS, BOTH_SIGNS),
    "thirdPartyIds": ({"include": ["call-1"], "exclude": ["call-2"]}, BOTH_SIGNS),
    "endpointIds": (IDS, BOTH_SIGNS),
    "personIds": (IDS, BOTH_SIGNS),
    "tagIds": (IDS, BOTH_SIGNS),
    "userIds": (IDS, BOTH_SIGNS),
    "hasComments": (False, ["{}"]),
    "legalHoldId": (1, ["{}"]),
    "playlistId": (1, ["{}"]),
    "communicationsBetween": (
        {"first": {"endpointIds": [1]}, "second": {"endpointIds": [2]}},
        ["{}.first", "{}.second"],
    ),
    "durationRangeInSeconds": ({"min": 1, "max": 2}, ["{}", "{}"]),
    "timeRanges": (
        {"include": [{"from": "09:00", "to": "17:00"}], "exclude": [{"from": "12:00", "to": "13:00"}]},
        ["{}", "{}"],
    ),
    "freeText": ("shares", ["{}"]),
}
"""A value of each filter, and the names of the conditions that come of it."""


def test_each_filter_makes_conditions_by_its_name(firm: Firm) -> None:
    firm.ingest()
    assert EXAMPLES.keys() == {field.encode_name for field in msgspec.structs.fields(RecordingFilters)}
    for name, (value, expected) in EXAMPLES.items():
        assert _conditions(firm, {name: value}) == [one.format(name) for one in expected]


def test_filters_that_constrain_nothing_make_no_conditions(firm: Firm) -> None:
    nothing: dict[str, list[int]] = {"include": [], "exclude": []}
    lists = ("recordingIds", "thirdPartyIds", "endpointIds", "personIds", "tagIds", "userIds")
    assert _conditions(firm, dict.fromkeys(lists, nothing) | {"timeRanges": nothing, "freeText": " "}) == []


def _conditions(firm: Firm, body: dict[str, Any]) -> list[str]:
    filters, viewer = convert(body, RecordingFilters), operator(CLIENT_ID)
    with firm.archive.read() as connection:
        free_text = parse_free_text(connection, viewer, filters.free_text)
        conditions = conditions_of(SearchContext(connection, viewer, free_text), filters)
        return ["the window" if isinstance(one, Window) else one.name for one in conditions]
