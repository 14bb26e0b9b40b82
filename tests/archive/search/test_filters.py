"""Filters that cannot be taken, and bounds as far as any program writes them."""

from typing import Any

import pytest

from tests.firm import ADMIN, Firm


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
def test_a_filter_that_cannot_be_taken_is_named(firm: Firm, wanted: dict[str, Any], path: str) -> None:
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
def test_bounds_beyond_all_recordings_bound_nothing_on_their_side(firm: Firm) -> None:
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


def test_ten_thousand_ids_in_every_filter_are_taken(firm: Firm) -> None:
    firm.ingest()
    many = {"include": list(range(1, 10_001))}
    wanted = dict.fromkeys(("recordingIds", "endpointIds", "personIds", "userIds", "tagIds"), many)
    assert firm.search(recordingIds=many, endpointIds=many) == ["call-1"]
    assert firm.search(as_user=ADMIN, **wanted) == []
