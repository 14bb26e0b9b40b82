import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest
from httpx2 import Response
from sqlalchemy import select

from earwitness.archive.schema.recordings import recordings
from earwitness.archive.text.index import index_recordings
from earwitness.ingest.metadata import IngestSegment, IngestTranscript
from earwitness.ingest.transcript import add_transcript
from earwitness.kernel.rights import Right, Role
from tests.api.serving import client_of, server_of
from tests.firm import ADMIN, Firm, call, tone, transcript

MEDIA = tone(2.0, channels=2)
RECORDER = "recorder@example.com"


def put_transcript(
    firm: Firm, sent: Any, third_party_id: str = "call-1", *, as_user: str = ADMIN, **given: Any
) -> Response:
    path = f"/ingest/recording/{quote(third_party_id, safe='')}/transcript"
    return firm.call("PUT", path, sent, as_user=as_user, **given)


def put_media(
    firm: Firm, media: bytes, third_party_id: str = "call-1", *, part: str = "media", as_user: str = ADMIN
) -> Response:
    path = f"/ingest/recording/{quote(third_party_id, safe='')}/media"
    return firm.call("PUT", path, as_user=as_user, files={part: ("call.wav", media)})


def said(firm: Firm, recording_id: int) -> list[str]:
    """The segments of a recording's transcript."""
    [found] = firm.post("/client/recording.transcription.get", {"interactionIds": [recording_id]})
    analysis = found["analysis"]
    return [segment["text"] for segment in analysis["transcript"]["segments"]] if analysis else []


def rows(firm: Firm, recording_id: int) -> list[tuple[str, int]]:
    log = firm.post("/client/recording/audit", {"recordingId": recording_id})
    return [(row["route"].rpartition("/")[2], row["responseCode"]) for row in log if row["method"] == "PUT"]


def played(firm: Firm, format_: str = "raw") -> Response:
    sent = {"thirdPartyId": "call-1", "format": format_}
    return firm.call("POST", "/client/recording.playBackByThirdPartyId", sent)


def transcribe(firm: Firm, recording_id: int, text: str) -> None:
    """Add a transcript as an engine does."""
    with firm.archive.write() as connection:
        this = recordings.c.interaction_id == recording_id
        position = connection.execute(select(recordings.c.position).where(this)).scalar_one()
        made = IngestTranscript(segments=[IngestSegment(text=text, start=0, end=1)], language="en")
        add_transcript(connection, position, made, engine="an engine")
        index_recordings(connection, [position])


def test_a_late_transcript_is_shown_and_found_at_once(firm: Firm) -> None:
    recording_id = firm.ingest()
    response = put_transcript(firm, transcript("Please sell five hundred shares.", "At once."))
    assert response.json() == {
        "interactionId": recording_id,
        "thirdPartyId": "call-1",
        "status": "processed",
    }
    assert said(firm, recording_id) == ["Please sell five hundred shares.", "At once."]
    assert firm.search(freeText='"hundred shares"') == ["call-1"]
    page = firm.post("/client/recording.search", {})
    assert page["recordings"][0]["transcriptSnippet"].startswith("Please sell")
    assert rows(firm, recording_id) == [("transcript", 200)]


def test_the_transcript_of_the_source_is_kept(firm: Firm) -> None:
    recording_id = firm.ingest(transcript=transcript("Buy gold."))
    assert put_transcript(firm, transcript("Buy gold.")).status_code == 200
    assert put_transcript(firm, transcript("Buy silver.")).status_code == 409
    assert put_transcript(firm, transcript("Buy gold.", language="de")).status_code == 409
    assert said(firm, recording_id) == ["Buy gold."]
    assert firm.search(freeText="silver") == []
    assert rows(firm, recording_id) == [("transcript", 409)] * 2


def test_the_transcript_of_an_engine_is_replaced(firm: Firm) -> None:
    recording_id = firm.ingest()
    transcribe(firm, recording_id, "By gold.")
    assert firm.search(freeText="by") == ["call-1"]
    assert put_transcript(firm, transcript("Buy gold.")).status_code == 200
    assert said(firm, recording_id) == ["Buy gold."]
    assert firm.search(freeText="by") == []
    assert put_transcript(firm, transcript("Buy silver.")).status_code == 409


def test_a_nul_is_replaced_and_marked(firm: Firm) -> None:
    recording_id = firm.ingest()
    body = json.dumps(transcript("Buy\0gold.")).encode()
    assert put_transcript(firm, None, content=body).is_success
    assert said(firm, recording_id) == ["Buy\N{REPLACEMENT CHARACTER}gold."]
    [detail] = firm.post("/client/recording.detail.get", {"interactionIds": [recording_id]})
    assert detail["metadata"]["replacedCharactersIn"] == ["transcript.segments[0].text"]


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        ({}, "segments"),
        ([], ""),
        ({"segments": [{"text": "x", "start": 2, "end": 1}]}, "segments[0].end"),
        ({"segments": [{"text": "x", "start": 0}]}, "segments[0].end"),
        ({"segments": [], "speaker": "x"}, "speaker"),
    ],
)
def test_a_wrong_transcript_is_refused_and_the_field_named(firm: Firm, sent: Any, path: str) -> None:
    recording_id = firm.ingest()
    response = put_transcript(firm, sent)
    assert response.status_code == 400
    assert [error["path"] for error in response.json()["errors"]] == [path]
    assert rows(firm, recording_id) == [("transcript", 400)]


def test_a_transcript_is_json_and_may_be_long(firm: Firm) -> None:
    firm.ingest()
    path = "/api/ingest/recording/call-1/transcript"
    xml = firm.headers() | {"Content-Type": "text/xml"}
    assert firm.client.put(path, content=b"<xml/>", headers=xml).status_code == 415
    assert firm.client.put(f"{path}?a=1", json={}, headers=firm.headers()).status_code == 400
    long = transcript(*["Buy gold and hold it for a very long time."] * 40_000)
    assert len(json.dumps(long)) > 2 << 20
    assert put_transcript(firm, long).is_success
    assert firm.search(freeText="gold") == ["call-1"]


def test_late_media_plays_and_is_processed(firm: Firm) -> None:
    recording_id = firm.ingest()
    assert played(firm).json()["code"] == "no-media"
    response = put_media(firm, MEDIA)
    assert response.json()["status"] == "received"
    assert played(firm).content == MEDIA
    page = firm.post("/client/recording.search", {})
    assert page["recordings"][0]["mediaAccessStatus"] == "Permitted"
    firm.work()
    [detail] = firm.post("/client/recording.detail.get", {"interactionIds": [recording_id]})
    assert set(detail["metadata"]["sourceFileDetail"]) >= {"raw", "mp3"}
    assert len(detail["waveForm"]["peaks"]) == 16
    assert firm.post("/client/recording.search", {})["recordings"][0]["durationInSeconds"] == 60
    assert rows(firm, recording_id) == [("media", 200)]


def test_media_is_added_only_if_there_is_none(firm: Firm) -> None:
    recording_id = firm.ingest(MEDIA)
    assert put_media(firm, MEDIA).status_code == 200
    assert put_media(firm, MEDIA + b"\0").status_code == 409
    assert played(firm).content == MEDIA
    assert _stored(firm) == 1
    assert rows(firm, recording_id) == [("media", 409)]


def _stored(firm: Firm) -> int:
    return len(list(firm.archive.store.names()))


def test_media_of_any_content_is_accepted(firm: Firm) -> None:
    firm.ingest()
    media = b"evidence"
    assert put_media(firm, media).is_success
    firm.work()
    assert played(firm).content == media
    assert put_media(firm, media).json()["status"] == "undecodable"


def test_media_must_be_one_part(firm: Firm) -> None:
    recording_id = firm.ingest()
    assert put_media(firm, MEDIA, part="metadata").status_code == 400
    path = "/ingest/recording/call-1/media"
    twice = [("media", ("a", MEDIA)), ("media", ("b", MEDIA))]
    assert firm.call("PUT", path, files=twice).status_code == 400
    assert firm.call("PUT", path, content=MEDIA).status_code == 415
    nothing = b"--x--\r\n"
    headers = firm.headers() | {"Content-Type": "multipart/form-data; boundary=x"}
    assert firm.client.put(f"/api{path}", content=nothing, headers=headers).status_code == 400
    assert played(firm).json()["code"] == "no-media"
    assert _stored(firm) == 0
    assert [status for _, status in rows(firm, recording_id)] == [400, 400, 415, 400]


def test_of_two_uploads_at_once_one_is_kept(firm: Firm) -> None:
    firm.ingest()
    others = [MEDIA, MEDIA + b"\0"] * 3
    with server_of(firm) as base_url, client_of(firm, base_url) as client, ThreadPoolExecutor(6) as pool:
        path = "ingest/recording/call-1/media"
        statuses = list(pool.map(lambda one: client.put(path, files={"media": one}).status_code, others))
    assert sorted(statuses) == [200, 200, 200, 409, 409, 409]
    assert _stored(firm) == 1


@pytest.mark.parametrize("put", [put_transcript, put_media])
def test_the_recording_must_exist(firm: Firm, put: Callable[..., Response]) -> None:
    sent: Any = MEDIA if put is put_media else transcript("Buy gold.")
    assert put(firm, sent).status_code == 404
    assert _stored(firm) == 0


@pytest.mark.parametrize("put", [put_transcript, put_media])
def test_late_additions_need_only_the_right_to_ingest(firm: Firm, put: Callable[..., Response]) -> None:
    firm.add_user("viewer@example.com", [Right.RECORDING_VIEW])
    firm.add_user(RECORDER, [Role.RECORDER])
    recording_id = firm.ingest(isPrivate=True)
    sent: Any = MEDIA if put is put_media else transcript("Buy gold.")
    assert put(firm, sent, as_user="viewer@example.com").status_code == 403
    assert put(firm, sent, as_user=RECORDER).status_code == 200
    assert [status for _, status in rows(firm, recording_id)] == [403, 200]


@pytest.mark.parametrize(
    "third_party_id",
    [
        "a/b",
        "/a//b/",
        "a%2Fb",
        "transcript",
        "media/transcript",
        "100% sure?#;+&",
        "通話 1",
        ' "x"\\',
        "a..b",
    ],
)
def test_the_id_in_the_path_may_hold_any_characters(firm: Firm, third_party_id: str) -> None:
    firm.ingest(thirdPartyId="other")
    firm.ingest(thirdPartyId=third_party_id)
    assert put_transcript(firm, transcript("Buy gold."), third_party_id).status_code == 200
    assert put_media(firm, MEDIA, third_party_id).status_code == 200
    assert firm.search(freeText="gold") == [third_party_id]
    with server_of(firm) as base_url, client_of(firm, base_url) as client:
        path = f"ingest/recording/{quote(third_party_id, safe='')}/transcript"
        assert client.put(path, json=transcript("Buy silver.")).status_code == 409


def test_the_first_upload_may_still_be_sent_again(firm: Firm) -> None:
    recording_id = firm.ingest()
    put_transcript(firm, transcript("Buy gold."))
    put_media(firm, MEDIA)
    response = firm.send(call())
    assert (response.status_code, response.json()["interactionId"]) == (200, recording_id)
