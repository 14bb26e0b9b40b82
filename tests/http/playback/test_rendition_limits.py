"""A small file can hold hours of silence. What is made of it is bounded, if possible before it is made."""

import io
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import httpx2
import pytest
from av.audio.frame import AudioFrame
from sqlalchemy import select

from earwitness.archive.media.playable import MediaObject
from earwitness.archive.schema.recordings import recordings
from earwitness.http.limits.places import Places
from earwitness.http.playback import rendering
from earwitness.http.playback.held_renditions import HeldRenditions
from earwitness.http.playback.rendering import RenditionRequest, make_rendition
from earwitness.http.playback.rendition_room import RenditionRoom, RoomLimits
from earwitness.http.playback.rendition_size import expected_size
from earwitness.kernel.formats import RENDERED, Rendered
from earwitness.kernel.settings import Settings
from tests.api.playing import MEDIA, PLAY, get, rows, url_of
from tests.api.serving import client_of
from tests.firm import CLIENT_ID, Firm, tone
from tests.http.playback.changed_servers import changed_server_of
from tests.media import samples

MIB = 1 << 20
HOUR = 3600


def flac_of_silence(seconds: int, rate: int = 48_000) -> bytes:
    """Some ten kilobytes that hold eight channels of silence."""
    file = io.BytesIO()
    with av.open(file, "w", format="flac") as output:
        stream = output.add_stream("flac", rate, {"compression_level": "0", "frame_size": "65535"})
        stream.layout = "7.1"
        for second in range(seconds):
            frame = AudioFrame("s16", "7.1", rate)
            frame.planes[0].update(bytes(rate * 16))
            frame.sample_rate, frame.pts = rate, second * rate
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


BOMB = flac_of_silence(40)
"""Its wav has 29 MiB, its wav-mono 3.7 MiB, and its mp3 0.6 MiB."""

MEETING = samples.meeting("matroska", "mpeg4", "pcm_s16le", seconds=20)


@contextmanager
def limited(
    firm: Firm,
    free: Callable[[], int] | None = None,
    make: Any = make_rendition,
    **limits: int,
) -> Iterator[RenditionRoom]:
    """Let the firm's server have these limits."""
    before = firm.app.state.installation
    room = RenditionRoom(replace(RoomLimits(), **limits), free)
    firm.app.state.installation = replace(before, renditions=HeldRenditions(make=make, room=room))
    yield room
    firm.app.state.installation.renditions.close()
    firm.app.state.installation = before


def files(firm: Firm) -> set[Path]:
    return {file for file in (firm.settings.data / "accounts").rglob("media/**/*") if file.is_file()}


def play(firm: Firm, format_: str, *, streams: bool) -> httpx2.Response:
    return firm.call("POST", PLAY, {"thirdPartyId": "call-1", "format": format_, "streamThrough": streams})


def told(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


# HEAD


@pytest.mark.parametrize("processed", [False, True])
def test_head_makes_nothing_and_tells_no_length_of_what_is_not_made(
    firm: Firm, processed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording_id = firm.ingest(BOMB)
    if processed:
        firm.work()
    before = files(firm)
    monkeypatch.setattr(rendering, "begin_rendition", None)
    for head in (
        get(firm, recording_id, "wav", method="HEAD", Range="bytes=0-9"),
        firm.client.head(url_of(firm, recording_id, format="wav")),
    ):
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["Content-Type"] == "audio/wav"
        assert head.headers["Accept-Ranges"] == "bytes"
        assert head.headers["Content-Disposition"] == 'inline; filename="call-1.wav"'
        assert not {"Content-Length", "ETag", "Content-Range"} & {*map(str.title, head.headers)}
    assert files(firm) == before
    assert rows(firm, recording_id) == []


def test_head_refuses_what_get_would_refuse(firm: Firm) -> None:
    undecodable = firm.ingest(b"evidence", thirdPartyId="undecodable")
    silent = firm.ingest(samples.meeting("matroska", "mpeg4", None), thirdPartyId="picture")
    large = firm.ingest(BOMB, thirdPartyId="large")
    firm.work()
    with limited(firm, rendition_bytes=8 * MIB):
        for recording_id in (undecodable, silent, large):
            statuses = [
                get(firm, recording_id, "wav", method=method).status_code for method in ("HEAD", "GET")
            ]
            assert statuses == [422, 422]
            assert [row[:2] for row in rows(firm, recording_id)] == [("HEAD", 422), ("GET", 422)]


# The size of one


@pytest.mark.parametrize(
    ("processed", "available"),
    [(False, ["raw"]), (True, ["raw", "mp3", "mp3-mono", "wav-mono", "mp4"])],
)
def test_a_rendition_that_would_be_too_large_is_refused_with_what_there_is(
    firm: Firm, processed: bool, available: list[str]
) -> None:
    recording_id = firm.ingest(BOMB)
    if processed:
        firm.work()
    before = files(firm)
    with limited(firm, rendition_bytes=8 * MIB) as room:
        answers = [
            get(firm, recording_id, "wav", Range="bytes=0-9"),
            play(firm, "wav", streams=False),
            play(firm, "wav", streams=True),
        ]
        assert room.claimed_bytes == 0
    for answer in answers:
        assert told(answer) == (422, "rendition-too-large")
        assert answer.json()["formats"] == available
        assert "8 MiB" in answer.json()["detail"]
    assert files(firm) == before
    assert rows(firm, recording_id) == [("GET", 422, {"format": "wav"})]


def test_what_is_not_measured_yet_is_refused_before_any_of_it_is_written(firm: Firm) -> None:
    recording_id = firm.ingest(BOMB)
    with (
        limited(firm, rendition_bytes=8 * MIB, step_bytes=1, total_bytes=12 * MIB) as room,
        # Only one byte is free, so the second one that is written would be refused with 503.
        room.take(CLIENT_ID, 9 * MIB - 1),
    ):
        assert told(get(firm, recording_id, "wav")) == (422, "rendition-too-large")


def test_a_picture_is_stopped_when_it_gets_too_large(firm: Firm) -> None:
    recording_id = firm.ingest(MEETING)
    firm.work()
    made: list[str] = []

    def noted(request: RenditionRequest) -> Any:
        made.append(request.format)
        return make_rendition(request)

    before = files(firm)
    with limited(firm, make=noted, rendition_bytes=60_000):
        assert get(firm, recording_id, "mp4", method="HEAD").status_code == 200, "nobody knows it yet"
        for _ in range(2):
            assert told(play(firm, "mp4", streams=False)) == (422, "rendition-too-large")
        assert get(firm, recording_id, "mp4", method="HEAD").status_code == 422
    assert made == ["mp4"], "what was found is told to those who ask next"
    assert files(firm) == before


def test_a_picture_that_is_streamed_breaks_off_when_it_gets_too_large(firm: Firm) -> None:
    firm.ingest(MEETING)
    firm.work()
    renditions = HeldRenditions(room=RenditionRoom(RoomLimits(rendition_bytes=60_000)))
    sent = {"thirdPartyId": "call-1", "format": "mp4", "streamThrough": True}
    with (
        changed_server_of(firm, renditions=renditions) as base_url,
        client_of(firm, base_url) as client,
        client.stream("POST", PLAY, json=sent) as response,
    ):
        assert response.status_code == 200
        with pytest.raises(httpx2.RemoteProtocolError):
            response.read()


def test_the_length_that_a_header_claims_is_no_reason_to_refuse(firm: Firm) -> None:
    claiming = MEDIA[:40] + struct.pack("<I", 0xF000_0000) + MEDIA[44:]
    recording_id = firm.ingest(claiming)
    with limited(firm, rendition_bytes=MIB):
        assert get(firm, recording_id, "wav").content[44:] == MEDIA[44:]
        firm.work()
        assert get(firm, recording_id, "wav").content[44:] == MEDIA[44:]


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (44_100, 2), (16_000, 6)])
def test_the_size_of_a_rendition_is_known_from_the_measurement(firm: Firm, rate: int, channels: int) -> None:
    firm.ingest(tone(30.0, rate=rate, channels=channels))
    firm.work()
    with firm.archive.read() as connection:
        measurement = connection.scalar(select(recordings.c.measurement))
    for format_ in RENDERED:
        size = len(play(firm, format_, streams=False).content)
        expected = expected_size(format_, measurement)
        assert expected is not None
        assert size == expected if format_.startswith("wav") else size <= expected * 1.1


def measured(hours: int, channels: int, rate: int) -> dict[str, Any]:
    samples_ = hours * HOUR * rate
    return {"samples": samples_, "video": None, "audio": {"channels": channels, "sample_rate": rate}}


@pytest.mark.parametrize("format_", RENDERED)
def test_four_hours_of_eight_channels_play_by_default_and_two_days_do_not(format_: Rendered) -> None:
    largest = RenditionRoom.of(Settings()).limits.largest_bytes
    assert (expected_size(format_, measured(4, 8, 48_000)) or 0) <= largest
    if format_ == "wav":
        assert (expected_size(format_, measured(48, 8, 48_000)) or 0) > largest


# All together


def test_too_much_at_once_is_refused_for_the_account_and_for_all(firm: Firm) -> None:
    recording_id = firm.ingest(MEDIA)
    firm.work()
    before = files(firm)
    with limited(firm, total_bytes=8 * MIB) as room:
        with room.take(CLIENT_ID, 6 * MIB):
            refused = get(firm, recording_id, "wav")
            assert told(refused) == (503, "renditions-full")
            assert "for this account" in refused.json()["detail"]
            assert int(refused.headers["Retry-After"]) > 0
            assert play(firm, "wav", streams=True).content[44:] == MEDIA[44:], "nothing of it is stored"
        with room.take(1, 6 * MIB):
            assert get(firm, recording_id, "wav").is_success, "another account cannot take all of it"
            firm.app.state.installation.renditions.close()
            with room.take(2, 2 * MIB):
                assert "on this server" in get(firm, recording_id, "wav").json()["detail"]
        assert get(firm, recording_id, "wav").is_success
    assert files(firm) == before
    assert [status for _, status, _ in rows(firm, recording_id)] == [503, 200, 503]


def test_what_nobody_uses_gives_way_to_what_is_asked_for(firm: Firm) -> None:
    ids = [firm.ingest(tone(2.0, channels=2, hertz=hertz), thirdPartyId=f"{hertz}") for hertz in (440, 550)]
    firm.work()
    made: list[int] = []

    def noted(request: RenditionRequest) -> Any:
        made.append(request.playable.interaction_id)
        return make_rendition(request)

    with limited(firm, make=noted, total_bytes=120_000) as room:
        for recording_id in (ids[0], ids[0], ids[1], ids[1], ids[0]):
            assert get(firm, recording_id, "wav").is_success
            assert room.claimed_bytes == len(MEDIA)
    assert made == [ids[0], ids[1], ids[0]]


def test_renditions_leave_room_on_the_disk_for_new_recordings(firm: Firm) -> None:
    recording_id = firm.ingest(MEDIA)
    firm.work()
    free = [len(MEDIA) - 1 + MIB]
    with limited(firm, lambda: free[0], free_bytes=MIB):
        refused = get(firm, recording_id, "wav")
        assert told(refused) == (503, "disk-low")
        assert int(refused.headers["Retry-After"]) > 0
        assert play(firm, "wav", streams=True).is_success
        free[0] += 1
        assert get(firm, recording_id, "wav").is_success


def test_a_rendition_stops_when_others_fill_the_disk_meanwhile(firm: Firm) -> None:
    recording_id = firm.ingest(BOMB)
    firm.work()
    before, looks = files(firm), iter([100 * MIB] * 3)
    with limited(firm, lambda: next(looks, 0), free_bytes=MIB, step_bytes=MIB) as room:
        assert told(get(firm, recording_id, "wav")) == (503, "disk-low")
        assert room.claimed_bytes == 0
    assert files(firm) == before


def test_a_rendition_that_is_to_be_kept_is_streamed_although_there_is_no_room(settings: Settings) -> None:
    with Firm(replace(settings, kept_renditions=("wav",))) as firm:
        firm.ingest(MEDIA)
        firm.work()
        before = files(firm)
        with limited(firm, lambda: 0, free_bytes=MIB):
            assert play(firm, "wav", streams=True).content[44:] == MEDIA[44:]
        assert files(firm) == before
        assert play(firm, "wav", streams=True).is_success
        assert len(files(firm)) == len(before) + 1


def test_the_settings_bound_renditions(settings: Settings) -> None:
    small = replace(settings, max_rendition_gib=1, min_free_mib=1 << 40)
    with Firm(small) as firm:
        recording_id = firm.ingest(MEDIA)
        assert firm.app.state.installation.renditions.room.limits.largest_bytes == 1 << 30
        assert told(get(firm, recording_id, "wav")) == (503, "disk-low")


def test_one_account_cannot_take_all_places() -> None:
    places = Places(4)
    assert [places.take(1, 0) for _ in range(4)] == [True, True, True, False]
    assert [places.take(2, 0) for _ in range(2)] == [True, False]
    places.give_back(1)
    assert places.take(1, 0)


def test_a_rendition_in_use_does_not_give_way(firm: Firm) -> None:
    ids = [firm.ingest(tone(2.0, channels=2, hertz=hertz), thirdPartyId=f"{hertz}") for hertz in (440, 550)]
    firm.work()
    requests: list[RenditionRequest] = []

    @contextmanager
    def noted(request: RenditionRequest) -> Iterator[MediaObject]:
        requests.append(request)
        with make_rendition(request) as stored:
            yield stored

    with limited(firm, make=noted, total_bytes=120_000):
        assert get(firm, ids[0], "wav").is_success
        with firm.app.state.installation.renditions.use(requests[0]):
            assert told(get(firm, ids[1], "wav")) == (503, "renditions-full")
        assert get(firm, ids[1], "wav").is_success
