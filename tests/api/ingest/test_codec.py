"""The codec of media without a header is stated later, and the recording is decoded."""

from typing import Any

import pytest
from httpx2 import Response

from earwitness.kernel.rights import Role
from tests.cli.running import run, run_json
from tests.firm import CLIENT_ID, Firm, call, tone
from tests.media import samples

ALAW = samples.sound("alaw", "pcm_alaw", 8000, channels=1)
PCM = tone(2.0, rate=16000)[44:]


def state(firm: Firm, third_party_id: str = "call-1", **stated: Any) -> Response:
    return firm.call("PUT", f"/ingest/recording/{third_party_id}/codec", stated)


def seconds(firm: Firm, interaction_id: int) -> float | None:
    (found,) = firm.post("/client/recording.detail.get", {"interactionIds": [interaction_id]})
    peaks = found["waveForm"]["peaks"]
    return None if peaks is None else len(peaks) / 8


def told(firm: Firm, interaction_id: int) -> list[Any]:
    log = firm.post("/client/recording/audit", {"recordingId": interaction_id})
    return [
        row["metadata"] for row in log if (row["description"], row["responseCode"]) == ("State codec", 200)
    ]


def test_an_undecodable_recording_is_decoded_by_the_codec_that_is_stated(firm: Firm) -> None:
    interaction_id = firm.ingest(PCM)
    firm.work()
    assert firm.send(call(), PCM).json()["status"] == "undecodable"
    stated = state(firm, codec="pcm_s16le", sampleRate=16000)
    assert (stated.status_code, stated.json()) == (
        200,
        {"interactionId": interaction_id, "thirdPartyId": "call-1", "status": "received"},
    )
    firm.work()
    assert seconds(firm, interaction_id) == 2
    again = state(firm, codec="pcm_s16le", sampleRate=16000)
    assert (again.status_code, again.json()["status"]) == (200, "processed")
    assert told(firm, interaction_id) == [{"codec": "pcm_s16le", "sampleRate": 16000}]
    assert firm.send(call(), PCM).status_code == 200


def test_a_wrong_codec_can_be_corrected(firm: Firm) -> None:
    interaction_id = firm.ingest(ALAW, codec="pcm_s16le", sampleRate=8000)
    other = firm.ingest(b"no sound" * 3, thirdPartyId="other", codec="g729")
    firm.work()
    assert seconds(firm, interaction_id) == 1
    assert state(firm, codec="pcm_alaw").json()["status"] == "received"
    firm.work()
    assert seconds(firm, interaction_id) == 2
    before = {"codec": "pcm_s16le", "sample_rate": 8000, "channels": None}
    assert told(firm, interaction_id) == [{"codec": "pcm_alaw", "before": before}]
    assert state(firm, "other", codec="g729").json()["status"] == "processed"
    assert told(firm, other) == []


def test_no_codec_can_be_stated_for_media_that_was_decoded_without_one(firm: Firm) -> None:
    firm.ingest(tone(1.0))
    firm.work()
    refused = state(firm, codec="pcm_alaw")
    assert (refused.status_code, refused.json()["code"]) == (409, "not-undecodable")
    assert "processed" in refused.json()["detail"]


def test_a_codec_that_does_not_decode_leaves_it_undecodable(firm: Firm) -> None:
    firm.ingest(b"x")
    firm.work()
    assert state(firm, codec="gsm").json()["status"] == "received"
    firm.work()
    assert state(firm, codec="gsm").json()["status"] == "undecodable"
    assert state(firm, codec="pcm_mulaw").json()["status"] == "received"
    firm.work()
    assert state(firm, codec="pcm_mulaw").json()["status"] == "processed"


@pytest.mark.parametrize(
    ("stated", "path"),
    [
        ({}, "codec"),
        ({"codec": "mp3"}, "codec"),
        ({"codec": "pcm_s16le", "sampleRate": 1}, "sampleRate"),
        ({"codec": "pcm_s16le", "channels": 0}, "channels"),
        ({"codec": "pcm_s16le", "rate": 8000}, "rate"),
    ],
)
def test_a_wrong_field_is_named(firm: Firm, stated: dict[str, Any], path: str) -> None:
    firm.ingest(ALAW)
    refused = state(firm, **stated)
    assert refused.status_code == 400
    assert [error["path"] for error in refused.json()["errors"]] == [path]


def test_the_recording_must_exist_have_media_and_be_processed(firm: Firm) -> None:
    assert state(firm, codec="gsm").status_code == 404
    firm.ingest()
    assert state(firm, codec="gsm").status_code == 409
    firm.ingest(ALAW, thirdPartyId="waiting")
    assert state(firm, "waiting", codec="gsm").json()["code"] == "not-undecodable"


def test_stating_a_codec_needs_the_right_to_ingest(firm: Firm) -> None:
    firm.add_user("viewer@example.com", [Role.STANDARD_USER])
    firm.ingest(ALAW)
    refused = firm.call(
        "PUT", "/ingest/recording/call-1/codec", {"codec": "gsm"}, as_user="viewer@example.com"
    )
    assert (refused.status_code, refused.json()["right"]) == (403, "Recording.Ingest")


def test_an_operator_states_a_codec_for_one_recording_or_for_all(firm: Firm) -> None:
    ids = [firm.ingest(ALAW, thirdPartyId=f"call-{number}") for number in range(3)]
    whole = firm.ingest(tone(1.0), thirdPartyId="whole")
    firm.work()
    words = ["reprocess", CLIENT_ID, ids[0], "--codec", "pcm_s16le", "--sample-rate", 8000, "--channels", 1]
    assert run_json(firm.settings, *words) == {"queued": 1}
    assert run_json(firm.settings, "reprocess", CLIENT_ID, "--codec", "pcm_alaw") == {"queued": 2}
    firm.work()
    assert [seconds(firm, one) for one in ids] == [1, 2, 2]
    assert told(firm, ids[0]) == [{"codec": "pcm_s16le", "sampleRate": 8000, "channels": 1}]
    assert told(firm, ids[1]) == [{"codec": "pcm_alaw"}]
    assert told(firm, whole) == []
    assert run_json(firm.settings, "reprocess", CLIENT_ID, "--codec", "pcm_alaw") == {"queued": 0}


def test_the_command_says_what_is_wrong(firm: Firm) -> None:
    whole = firm.ingest(tone(1.0))
    firm.work()
    for words, said in (
        ((whole, "--codec", "gsm"), "not undecodable"),
        ((99, "--codec", "gsm"), "no recording 99"),
        (("--codec", "gsm", "--step", "measure"), "--step"),
        (("--sample-rate", "8000"), "--codec"),
    ):
        result = run(firm.settings, "reprocess", CLIENT_ID, *words)
        assert (result.exit_code, said in result.output) == (1, True), result.output
