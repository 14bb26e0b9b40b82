"""The metadata of a recording: what it must have, and how it is read."""

import json
from typing import Any

import pytest

from earwitness.ingest.metadata import times
from earwitness.ingest.parsed_metadata import ParsedMetadata, parse_body
from earwitness.kernel.clock import parse_ms
from earwitness.kernel.errors import BadRequest
from tests.firm import call, endpoint, transcript

START = parse_ms("2026-05-12T10:30:00Z")


def taken(*, has_media: bool = False, **changes: Any) -> ParsedMetadata:
    return parse_body(json.dumps(call(**changes)).encode(), has_media=has_media)


def faults(*, has_media: bool = False, without: str | None = None, **changes: Any) -> dict[str, str]:
    sent = call(**changes)
    sent.pop(without or "", None)
    with pytest.raises(BadRequest) as refused:
        parse_body(json.dumps(sent).encode(), has_media=has_media)
    return {fault.path: fault.message for fault in refused.value.faults}


@pytest.mark.parametrize("field", ["thirdPartyId", "type", "startDatetimeUTC", "endpoints"])
@pytest.mark.parametrize("has_media", [False, True])
def test_a_missing_required_field_is_named(field: str, has_media: bool) -> None:
    assert faults(without=field, has_media=has_media) == {field: "required"}


def test_all_missing_fields_are_named_at_once() -> None:
    with pytest.raises(BadRequest) as refused:
        parse_body(b"{}", has_media=True)
    named = {fault.path for fault in refused.value.faults}
    assert named == {"thirdPartyId", "type", "startDatetimeUTC", "endpoints"}


@pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b"null", b"{", b"\xff\xfe{}"])
def test_metadata_that_is_not_an_object_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        parse_body(body, has_media=False)


def test_a_recording_without_media_says_when_it_ended() -> None:
    assert set(faults(without="endDatetimeUTC")) == {"endDatetimeUTC"}
    assert times(taken(durationInSeconds=60.5).values) == (START, START + 60_500, True)
    assert times(taken(endDatetimeUTC="2026-05-12T10:30:00.001Z").values) == (START, START + 1, True)


def test_a_recording_with_media_need_not_say_when_it_ended() -> None:
    sent = call()
    del sent["endDatetimeUTC"]
    values = parse_body(json.dumps(sent).encode(), has_media=True).values
    assert times(values) == (START, START, False)


def test_an_sms_ends_as_it_starts_and_has_a_message() -> None:
    sent = call(type="sms", message="See you at ten.")
    del sent["endDatetimeUTC"]
    assert times(parse_body(json.dumps(sent).encode(), has_media=False).values) == (START, START, True)
    assert faults(type="sms") == {"message": "required for an SMS"}
    assert taken(type="sms", message="").values.message == ""


def test_the_end_is_not_before_the_start() -> None:
    assert set(faults(endDatetimeUTC="2026-05-12T10:29:59.999Z")) == {"endDatetimeUTC"}
    assert times(taken(endDatetimeUTC="2026-05-12T10:30:00Z").values)[:2] == (START, START)


@pytest.mark.parametrize(("seconds", "fits"), [(59, True), (61, True), (58.99, False), (61.01, False)])
def test_end_and_duration_agree_within_a_second_and_the_end_counts(seconds: float, fits: bool) -> None:
    both: dict[str, Any] = {"endDatetimeUTC": "2026-05-12T10:31:00Z", "durationInSeconds": seconds}
    if fits:
        assert times(taken(**both).values)[:2] == (START, START + 60_000)
    else:
        assert set(faults(**both)) == {"durationInSeconds"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("thirdPartyId", ""),
        ("thirdPartyId", 7),
        ("thirdPartyId", "x" * 513),
        ("type", "Phone"),
        ("type", "phone call"),
        ("type", "phone\n"),
        ("type", ""),
        ("startDatetimeUTC", "1969-12-31T23:59:59Z"),
        ("startDatetimeUTC", "2200-01-01"),
        ("startDatetimeUTC", 1747045800000),
        ("durationInSeconds", -1),
        ("durationInSeconds", "60"),
        ("direction", "Inbound"),
        ("endpoints", []),
        ("endpoints", [endpoint("447896423595", kind="fax")]),
        ("endpoints", [{"type": "phone"}]),
        ("endpoints", [endpoint("1") for _ in range(1001)]),
        ("endpoints", [endpoint("1", person={"personType": "robot"})]),
        ("isPrivate", "yes"),
        ("tags", "verified_id"),
        ("tags", [""]),
        ("dataGroups", {"Department": 7}),
        ("optional", []),
        ("rawSmsIds", [7]),
        ("transcript", {"language": "en"}),
        ("transcript", {"segments": [{"text": "Hello.", "start": 1.0, "end": 0.5}]}),
        ("transcript", {"segments": [{"text": "Hello.", "start": -1, "end": 0.5}]}),
        ("source_", "sbc-1"),
    ],
)
def test_a_wrong_field_is_refused_and_named(field: str, value: Any) -> None:
    (path,) = faults(**{field: value})
    assert path.startswith(field)


def test_an_unknown_field_is_named_with_the_nearest_known_one() -> None:
    assert faults(dataGroup={}) == {"dataGroup": "unknown: did you mean dataGroups?"}
    wrong = endpoint("447896423595", isRecordingsubject=True)
    assert faults(endpoints=[wrong]) == {
        "endpoints[0].isRecordingsubject": "unknown: did you mean isRecordingSubject?"
    }


def test_null_counts_as_absent_wherever_it_stands() -> None:
    sent = call() | {"direction": None, "tags": None, "transcript": None, "isPrivate": None}
    sent["endpoints"][0] |= {"isOriginator": None, "user": None, "person": None}
    sent["endpoints"][1]["person"] = {"fullName": "Jane Smith", "email": None, "personType": None}
    plain = call()
    del plain["endpoints"][0]["isOriginator"]
    plain["endpoints"][1]["person"] = {"fullName": "Jane Smith"}
    with_nulls = parse_body(json.dumps(sent).encode(), has_media=False)
    without = parse_body(json.dumps(plain).encode(), has_media=False)
    assert with_nulls.digest_with() == without.digest_with()


def test_characters_are_replaced_and_not_refused() -> None:
    parsed = taken(
        source="sbc\0-1", transcript=transcript("Sell \ud800 now."), metadata={"note": ["a", "b\0"]}
    )
    assert parsed.values.source == "sbc\ufffd-1"
    assert set(parsed.replaced_in) == {"source", "transcript.segments[0].text", "metadata.note[1]"}


def test_the_same_metadata_written_differently_is_the_same() -> None:
    one = call(startDatetimeUTC="2026-05-12T10:30:00Z", durationInSeconds=60)
    other = dict(reversed(one.items())) | {
        "startDatetimeUTC": "2026-05-12 12:30:00.000+02:00",
        "durationInSeconds": 60.0,
    }
    digests = {parse_body(json.dumps(sent).encode(), has_media=False).digest_with() for sent in (one, other)}
    assert len(digests) == 1
    assert taken(durationInSeconds=61).digest_with() not in digests
    assert taken(durationInSeconds=60).digest_with(b"other media") not in digests
