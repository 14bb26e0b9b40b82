"""Without the right to see transcripts, no search and no answer reveals a word of one."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from earwitness.kernel.rights import Right
from tests.firm import Firm, call, endpoint, person, transcript

VIEWER, READER = "viewer@example.com", "reader@example.com"

SAID = ("Let me know what it's worth", "sell plutonium quietly to 0044 7700 900123", "東京 is good, really")


@pytest.fixture
def heard(firm: Firm) -> Firm:
    """Two calls, of which one has a transcript and which are otherwise the same; and a message."""
    firm.add_user(VIEWER, [str(one) for one in Right if one != Right.RECORDING_TRANSCRIPTION_VIEW])
    firm.add_user(READER, [Right.RECORDING_VIEW, Right.RECORDING_TRANSCRIPTION_VIEW])
    parts = [endpoint("447896423595", subject=True, person=person("Ann Lee")), endpoint("447700900111")]
    shared: dict[str, Any] = {"endpoints": parts, "tags": ["audited"], "source": "pbx"}
    firm.ingest(thirdPartyId="zz-1", transcript=transcript(*SAID), **shared)
    firm.ingest(thirdPartyId="zz-2", **shared)
    firm.ingest(thirdPartyId="message", type="sms", message="let me know: it's plutonium?", **shared)
    firm.work()
    return firm


def probes() -> Iterator[str]:
    """Queries for every word, pair and prefix of what was said, and for everything without it."""
    words = " ".join(SAID).replace(",", "").split()
    for first, second in zip(words, [*words[1:], "nothing"], strict=True):
        yield from (first, f"-{first}", f"{first[:3]}*", f"{first[0]}*", f"{first}-{second[0]}*")
        yield from (f'"{first} {second}"', f'-"{first} {second}"', f'audited -("{first} {second}" OR zebra)')
    yield from ('"let me know"', "it's", "-it's", "447700900123", "-447700900123", "+44 7700 900123", "東*")
    yield '"worth sell"'
    yield "plutonium OR zebra"
    yield "audited plutonium"
    yield "(audited OR plutonium) -(quietly OR zebra)"


def test_no_search_reveals_what_was_said(heard: Firm) -> None:
    for asked in probes():
        page = heard.post("/client/recording.search", {"freeText": asked}, as_user=VIEWER)
        found = {one["thirdPartyId"] for one in page["recordings"]}
        assert ("zz-1" in found) == ("zz-2" in found), asked
        assert page["total"] == len(found), asked
        shown = {one["transcriptSnippet"] for one in page["recordings"] if one["thirdPartyId"] == "zz-1"}
        assert shown <= {""}, asked


def test_the_same_searches_find_it_with_the_right(heard: Firm) -> None:
    for asked in ("plutonium", '"let me know"', "it's", "447700900123", "plut*", '"sell plutonium"', "東京"):
        page = heard.post("/client/recording.search", {"freeText": asked}, as_user=READER)
        shown = {one["thirdPartyId"]: one["transcriptSnippet"] for one in page["recordings"]}
        assert shown["zz-1"].startswith("Let me know"), asked
        assert "zz-1" not in heard.search(freeText=f"-({asked})", as_user=READER), asked


def test_everything_else_is_found_and_shown(heard: Firm) -> None:
    everything = {"zz-1", "zz-2", "message"}
    for asked in (
        "ann",
        '"ann lee"',
        "447896423595",
        "+447700900111",
        "audited",
        "pbx",
        "ann audited",
        "a*",
        "-zebra",
    ):
        assert set(heard.search(freeText=asked, as_user=VIEWER)) == everything, asked
    assert heard.search(freeText="zz-1", as_user=VIEWER) == ["zz-1"]
    assert heard.search(freeText="-zz-2 -message", as_user=VIEWER) == ["zz-1"]
    for asked in ("plutonium", '"let me know"', "it's", '"know it" ann'):
        page = heard.post("/client/recording.search", {"freeText": asked}, as_user=VIEWER)
        shown = {one["thirdPartyId"]: one["transcriptSnippet"] for one in page["recordings"]}
        assert shown == {"message": "let me know: it's plutonium?"}, asked


def test_no_answer_shows_a_word_that_was_said(heard: Firm) -> None:
    (one,) = (
        one for one in heard.post("/client/recording.search")["recordings"] if one["thirdPartyId"] == "zz-1"
    )
    recording_id = one["interactionId"]
    calls: list[tuple[str, str, Any]] = [
        ("POST", "/client/recording.search", {}),
        ("POST", "/client/recording.search", {"freeText": "audited"}),
        ("POST", "/client/recording.detail.get", {"interactionIds": [recording_id]}),
        ("POST", "/client/recording.sms-message.get", {"interactionIds": [recording_id]}),
        ("POST", "/client/recording.transcription.get", {"interactionIds": [recording_id]}),
        ("POST", "/client/people.search", {"includeInteractions": True}),
        ("POST", "/client/people/endpoint/search", {}),
        ("GET", f"/client/recording/comment?recordingId={recording_id}", None),
        ("POST", "/client/recording/audit", {"recordingId": recording_id}),
    ]
    answered = set()
    for method, path, body in calls:
        response = heard.call(method, path, body, as_user=VIEWER)
        answered.add(response.status_code)
        told = response.text.casefold()
        assert not [
            word
            for word in ("plutonium", "quietly", "worth", "東京", "900123")
            if word in told.replace("let me know: it's plutonium?", "")
        ], path
    assert 403 in answered


def test_a_message_is_shown_in_place_of_a_transcript(firm: Firm) -> None:
    firm.add_user(VIEWER, [Right.RECORDING_VIEW])
    firm.ingest(type="sms", message="Call me. " * 40, transcript=transcript("I said zirconium."))
    for asked in ({}, {"freeText": "call"}, {"freeText": "-zirconium"}):
        (one,) = firm.post("/client/recording.search", asked, as_user=VIEWER)["recordings"]
        assert one["transcriptSnippet"].startswith("Call me. Call me.")
        assert len(one["transcriptSnippet"]) <= 200
        assert "zirconium" not in json.dumps(one)
    assert firm.post("/client/recording.search", {"freeText": "zirconium"}, as_user=VIEWER)["total"] == 0


def test_a_transcript_that_comes_later_is_not_shown_either(firm: Firm) -> None:
    firm.add_user(VIEWER, [Right.RECORDING_VIEW])
    firm.send(call(thirdPartyId="late"))
    assert firm.call("PUT", "/ingest/recording/late/transcript", transcript("I said zirconium.")).is_success
    (one,) = firm.post("/client/recording.search", {}, as_user=VIEWER)["recordings"]
    assert one["transcriptSnippet"] == ""
    assert firm.search(freeText="zirconium", as_user=VIEWER) == []
    assert firm.search(freeText="zirconium") == ["late"]
