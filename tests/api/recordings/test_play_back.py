import base64
import hashlib
import wave
from io import BytesIO
from typing import Any

import httpx2
import pytest
from httpx2 import Response
from sqlalchemy import update

from earwitness.archive.schema.people import account
from earwitness.kernel.rights import Right, Role
from tests.api.damage import damaged, object_file
from tests.api.serving import client_of, server_of
from tests.firm import ADMIN, Firm, tone
from tests.media.samples import wav_of

PLAY = "/client/recording.playBackByThirdPartyId"
READER = "reader@example.com"
STEREO = tone(2.0, channels=2)

TYPES = {
    "mp3": "audio/mpeg",
    "mp3-mono": "audio/mpeg",
    "wav": "audio/wav",
    "wav-mono": "audio/wav",
    "mp4": "video/mp4",
    "raw": "application/octet-stream",
}


def play(firm: Firm, third_party_id: str = "call-1", *, as_user: str = ADMIN, **wanted: Any) -> Response:
    return firm.call("POST", PLAY, {"thirdPartyId": third_party_id, **wanted}, as_user=as_user)


def play_rows(firm: Firm, recording_id: int) -> list[tuple[int, Any]]:
    log = firm.post("/client/recording/audit", {"recordingId": recording_id})
    return [(row["responseCode"], row["metadata"]) for row in log if row["route"] == PLAY]


def is_of_format(media: bytes, format_: str) -> bool:
    if format_.startswith("wav"):
        with wave.open(BytesIO(media)) as file:
            return (file.getnchannels(), file.getnframes()) == (1 if format_ == "wav-mono" else 2, 16_000)
    if format_.startswith("mp3"):
        return media[:3] == b"ID3" or (media[0] == 0xFF and media[1] >= 0xE0)
    return media[4:8] == b"ftyp" if format_ == "mp4" else media == STEREO


@pytest.mark.parametrize("processed", [False, True])
def test_a_call_plays_in_every_format(firm: Firm, processed: bool) -> None:
    firm.ingest(STEREO)
    if processed:
        firm.work()
    for format_, media_type in TYPES.items():
        for streams in (False, True):
            response = play(firm, format=format_, streamThrough=streams)
            assert response.status_code == 200, response.text
            assert response.headers["Content-Type"] == media_type
            extension = "wav" if format_ == "raw" else format_.removesuffix("-mono")
            assert response.headers["Content-Disposition"] == f'attachment; filename="call-1.{extension}"'
            assert "Accept-Ranges" not in response.headers
            assert is_of_format(response.content, format_), format_


def test_mp3_is_the_default_format(firm: Firm) -> None:
    firm.ingest(STEREO)
    assert play(firm).headers["Content-Type"] == "audio/mpeg"


@pytest.mark.parametrize(
    ("format_", "streams", "is_told"),
    [
        ("raw", False, True),
        ("raw", True, True),
        ("mp3", True, True),
        ("wav", False, True),
        ("wav", True, False),
    ],
)
def test_a_finished_answer_has_its_length_and_digest(
    firm: Firm, format_: str, streams: bool, is_told: bool
) -> None:
    firm.ingest(STEREO)
    firm.work()
    response = play(firm, format=format_, streamThrough=streams)
    told = {name: response.headers.get(name) for name in ("Content-Length", "ETag", "Repr-Digest")}
    if not is_told:
        assert set(told.values()) == {None}
        return
    digest = hashlib.sha256(response.content).digest()
    assert told == {
        "Content-Length": str(len(response.content)),
        "ETag": f'"{digest.hex()}"',
        "Repr-Digest": f"sha-256=:{base64.b64encode(digest).decode()}:",
    }


@pytest.mark.parametrize(
    ("third_party_id", "disposition"),
    [
        ('say "hi"', "filename=\"say _hi_.raw\"; filename*=UTF-8''say%20%22hi%22.raw"),
        ("Zürich/1", "filename=\"Z_rich_1.raw\"; filename*=UTF-8''Z%C3%BCrich_1.raw"),
        ("100%41?", "filename=\"100_41_.raw\"; filename*=UTF-8''100%2541%3F.raw"),
        ("通話\r\n1", "filename=\"____1.raw\"; filename*=UTF-8''%E9%80%9A%E8%A9%B1__1.raw"),
    ],
)
def test_the_answer_has_the_file_name_with_all_its_characters(
    firm: Firm, third_party_id: str, disposition: str
) -> None:
    firm.ingest(b"x", thirdPartyId=third_party_id)
    response = play(firm, third_party_id, format="raw")
    assert response.headers["Content-Disposition"] == f"attachment; {disposition}"


@pytest.mark.parametrize("media", [b"\0", bytes(range(256)) * 1000])
def test_raw_is_byte_for_byte_what_was_sent(firm: Firm, media: bytes) -> None:
    firm.ingest(media)
    for streams in (False, True):
        assert play(firm, format="raw", streamThrough=streams).content == media


def test_a_hidden_recording_is_answered_like_an_unknown_one(firm: Firm) -> None:
    firm.add_user(READER, [Role.STANDARD_USER])
    recording_id = firm.ingest(STEREO, isPrivate=True)
    unknown, invisible = play(firm, "nothing", as_user=READER), play(firm, as_user=READER)
    assert unknown.status_code == invisible.status_code == 404
    assert unknown.json() == invisible.json() | {"detail": "There is no recording nothing."}
    assert play_rows(firm, recording_id) == [(404, {"format": "mp3"})]


def test_without_media_there_is_nothing_to_play(firm: Firm) -> None:
    recording_id = firm.ingest()
    response = play(firm)
    assert (response.status_code, response.json()["code"]) == (404, "no-media")
    assert play_rows(firm, recording_id) == [(404, {"format": "mp3"})]


def test_a_comment_is_required_if_the_account_forces_it(firm: Firm) -> None:
    recording_id = firm.ingest(STEREO)
    with firm.archive.write() as connection:
        connection.execute(update(account).values(forced_comments=True))
    for comment in (None, " "):
        response = play(firm, format="raw", comment=comment)
        assert (response.status_code, response.json()["code"]) == (400, "comment-required")
    assert play(firm, format="raw", comment="QA").is_success
    assert play_rows(firm, recording_id)[-1] == (200, {"comment": "QA", "format": "raw"})


def test_an_unknown_format_is_refused(firm: Firm) -> None:
    recording_id = firm.ingest(STEREO)
    response = play(firm, format="ogg")
    assert response.status_code == 400
    assert response.json()["errors"][0]["path"] == "format"
    assert play_rows(firm, recording_id) == [(400, {"format": "ogg"})]


@pytest.mark.parametrize("processed", [False, True])
def test_media_that_cannot_be_decoded_plays_only_as_raw(firm: Firm, processed: bool) -> None:
    media = b"no media at all, but evidence"
    recording_id = firm.ingest(media)
    if processed:
        firm.work()
    for streams in (False, True):
        response = play(firm, streamThrough=streams)
        assert response.status_code == 422
        problem = response.json()
        assert (problem["code"], problem["formats"]) == ("format-unavailable", ["raw"])
        assert play(firm, format="raw", streamThrough=streams).content == media
    assert [status for status, _ in play_rows(firm, recording_id)] == [422, 200, 422, 200]


def test_playing_needs_its_right(firm: Firm) -> None:
    firm.add_user(READER, [Right.RECORDING_VIEW])
    recording_id = firm.ingest(STEREO)
    assert play(firm, as_user=READER).status_code == 403
    assert play_rows(firm, recording_id) == [(403, {"format": "mp3"})]


def test_every_call_is_in_the_audit_log(firm: Firm) -> None:
    recording_id = firm.ingest(STEREO)
    for _ in range(2):
        play(firm, format="raw")
    assert play_rows(firm, recording_id) == [(200, {"format": "raw"})] * 2


@pytest.mark.parametrize(("kind", "format_"), [("raw", "raw"), ("raw", "wav"), ("mp3", "mp3")])
def test_damaged_media_sends_no_byte_and_plays_again_when_restored(
    firm: Firm, kind: str, format_: str
) -> None:
    recording_id = firm.ingest(STEREO)
    firm.work()
    with damaged(firm, recording_id, kind):
        response = play(firm, format=format_)
        assert (response.status_code, response.json()["code"]) == (500, "media-corrupt")
        assert response.headers["Content-Type"] == "application/problem+json"
    assert is_of_format(play(firm, format=format_).content, format_)
    assert [status for status, _ in play_rows(firm, recording_id)] == [500, 200]


def test_media_that_was_cut_short_or_is_missing_is_damaged(firm: Firm) -> None:
    recording_id = firm.ingest(STEREO)
    file = object_file(firm, recording_id, "raw")
    intact = file.read_bytes()
    for broken in (intact[:-1], intact[: len(intact) // 2], b""):
        file.write_bytes(broken)
        assert play(firm, format="raw").json()["code"] == "media-corrupt"
    file.unlink()
    assert play(firm, format="raw").json()["code"] == "media-corrupt"
    file.write_bytes(intact)
    assert play(firm, format="raw").content == STEREO


def test_media_of_another_recording_is_refused(firm: Firm) -> None:
    first, second = firm.ingest(STEREO), firm.ingest(STEREO, thirdPartyId="call-2")
    object_file(firm, first, "raw").write_bytes(object_file(firm, second, "raw").read_bytes())
    assert play(firm, format="raw").json()["code"] == "media-corrupt"


@pytest.mark.parametrize("format_", ["raw", "wav"])
def test_damage_on_the_way_breaks_the_connection(firm: Firm, format_: str) -> None:
    media = wav_of(bytes(2 << 20), 8000, 2)
    recording_id = firm.ingest(media)
    firm.work()
    with server_of(firm) as base_url, client_of(firm, base_url) as client:
        sent = {"thirdPartyId": "call-1", "format": format_, "streamThrough": True}
        with damaged(firm, recording_id, "raw"):
            came: list[bytes] = []
            with client.stream("POST", PLAY, json=sent) as response:
                assert response.status_code == 200
                with pytest.raises(httpx2.RemoteProtocolError):
                    came.extend(response.iter_raw())
            assert 0 < len(b"".join(came)) < len(media)
        assert client.post(PLAY, json=sent).content == media


def test_a_decoder_out_of_time_is_to_be_tried_again_later(firm: Firm) -> None:
    recording_id = firm.ingest(STEREO)
    media = f"client/recording/{recording_id}/media"
    with server_of(firm, decoder_seconds=0) as base_url, client_of(firm, base_url) as client:
        answers = [
            client.post(PLAY, json={"thirdPartyId": "call-1", "format": "wav"}),
            client.get(media, params={"format": "wav"}),
        ]
        assert client.get(media, params={"format": "raw"}).content == STEREO
    for response in answers:
        assert (response.status_code, response.json()["code"]) == (503, "decoder-failed")
        assert int(response.headers["Retry-After"]) > 0
    assert play_rows(firm, recording_id) == [(503, {"format": "wav"})]


def test_a_search_says_which_media_may_not_be_played(firm: Firm) -> None:
    firm.add_user(READER, [Right.RECORDING_VIEW])
    with_media, without = firm.ingest(tone(0.1)), firm.ingest(thirdPartyId="silent")
    for user, status in ((ADMIN, "Permitted"), (READER, "Denied")):
        page = firm.post("/client/recording.search", {}, as_user=user)
        statuses = {one["interactionId"]: one["mediaAccessStatus"] for one in page["recordings"]}
        assert statuses == {with_media: status, without: "Unavailable"}
    for third_party_id in ("call-1", "silent", "no-such-call"):
        refused = firm.call("POST", PLAY, {"thirdPartyId": third_party_id}, as_user=READER)
        assert (refused.status_code, refused.json()["right"]) == (403, "Recording.Play")


@pytest.mark.parametrize(
    ("beginning", "ending"),
    [
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "wav"),
        (b"OggS\x00\x02", "ogg"),
        (b"ID3\x04\x00", "mp3"),
        (b"\x00\x00\x00\x20ftypM4A ", "m4a"),
        (b"\x00\x00\x00\x20ftypisom", "mp4"),
        (b"#!AMR\n", "amr"),
        (b"no sound", "raw"),
        (b"R", "raw"),
    ],
)
def test_an_original_is_saved_with_the_ending_of_its_format(
    firm: Firm, beginning: bytes, ending: str
) -> None:
    firm.ingest(beginning)
    for streams in (False, True):
        response = play(firm, format="raw", streamThrough=streams)
        assert response.headers["Content-Disposition"] == f'attachment; filename="call-1.{ending}"'
        assert response.content == beginning
