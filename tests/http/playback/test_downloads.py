"""Downloads do not disturb other calls."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx2
import pytest
from sqlalchemy import event
from sqlalchemy.pool import Pool

from earwitness.api.recordings import play_back as play_backs
from earwitness.http.playback.download import Download
from earwitness.http.playback.responses import send
from earwitness.http.playback.stream_places import StreamPlaces
from earwitness.media.decoder.decoder import Rendition
from tests.api.recordings.test_play_back import play_rows
from tests.api.serving import client_of, server_of
from tests.firm import Firm
from tests.http.playback.changed_servers import changed_server_of
from tests.http.playback.test_leaving_early import LARGE, decoders, media, open_media, play_back
from tests.processes import needs_proc
from tests.waiting import until

MORE_THAN_THREADS = 48


@contextmanager
def connections_held() -> Iterator[list[object]]:
    """The database connections of this process that are in use."""
    held: list[object] = []

    def taken(connection: object, *_: object) -> None:
        held.append(connection)

    def given_back(connection: object, *_: object) -> None:
        held.remove(connection)

    event.listen(Pool, "checkout", taken)
    event.listen(Pool, "checkin", given_back)
    try:
        yield held
    finally:
        event.remove(Pool, "checkout", taken)
        event.remove(Pool, "checkin", given_back)


on_sqlite = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)


@pytest.mark.parametrize(("door", "format_"), [(media, "raw"), (play_back, "wav")])
def test_no_database_connection_is_held_while_it_streams(firm: Firm, door: Any, format_: str) -> None:
    method, path, sent = door(firm.ingest(LARGE), format_)
    with (
        connections_held() as held,
        server_of(firm) as base_url,
        client_of(firm, base_url) as client,
        client.stream(method, path, **sent) as response,
    ):
        assert next(response.iter_raw())
        assert held == []


@on_sqlite
def test_stalled_downloads_hold_up_no_other_call(firm: Firm) -> None:
    method, path, sent = media(firm.ingest(LARGE), "raw")
    with server_of(firm) as base_url, ExitStack() as streaming, client_of(firm, base_url) as client:
        for _ in range(MORE_THAN_THREADS):
            response = streaming.enter_context(client.stream(method, path, **sent))
            assert response.status_code == 200
        assert firm_is_searched(client)


@on_sqlite
def test_a_fast_download_leaves_turns_to_others(firm: Firm) -> None:
    method, path, sent = media(firm.ingest(LARGE), "raw")
    with server_of(firm) as base_url, client_of(firm, base_url) as client, client_of(firm, base_url) as other:
        assert firm_is_searched(other)
        answered = 0
        with ThreadPoolExecutor(1) as pool:
            downloading = pool.submit(client.request, method, path, **sent)
            while not downloading.done():
                assert other.get(base_url.removesuffix("api") + "healthz").is_success
                answered += not downloading.done()
        assert downloading.result().content == LARGE
        assert answered > 1


def firm_is_searched(client: httpx2.Client) -> bool:
    return bool(client.post("client/recording.search", json={}).json()["total"])


@on_sqlite
def test_the_first_bytes_of_a_rendition_leave_before_the_next_are_made(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    method, path, sent = play_back(firm.ingest(LARGE), "wav")
    came = threading.Event()
    make = Rendition.__next__

    def waiting(rendition: Rendition) -> bytes:
        if rendition._first is None:
            assert came.wait(60), "the first did not leave"
        return make(rendition)

    monkeypatch.setattr(Rendition, "__next__", waiting)
    with (
        server_of(firm) as base_url,
        client_of(firm, base_url) as client,
        client.stream(method, path, **sent) as response,
    ):
        assert next(response.iter_raw())
        came.set()


@needs_proc
@on_sqlite
def test_no_more_renditions_are_streamed_at_once_than_there_are_places(firm: Firm) -> None:
    places = StreamPlaces(2, patience_seconds=0)
    recording_id = firm.ingest(LARGE)
    method, path, sent = play_back(recording_id, "wav")
    with changed_server_of(firm, streams=places) as base_url, client_of(firm, base_url) as client:
        with ExitStack() as streaming:
            for _ in range(2):
                response = streaming.enter_context(client.stream(method, path, **sent))
                assert response.status_code == 200
            for _ in range(3):
                refused = client.request(method, path, **sent)
                assert (refused.status_code, refused.json()["code"]) == (503, "streams-taken")
                assert int(refused.headers["Retry-After"]) > 0
            assert len(decoders()) <= 3, "one for each place, and one that waits for the next decoding"
            sent["json"]["format"] = "raw"
            assert client.request(method, path, **sent).content == LARGE, "what is stored needs no place"
        sent["json"]["format"] = "wav"
        until(lambda: client.request(method, path, **sent).status_code == 200, "a place is free again")
    assert [status for status, _ in play_rows(firm, recording_id)][:6] == [200, 200, 503, 503, 503, 200]


@on_sqlite
def test_a_rendition_waits_a_little_for_a_place(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    places = StreamPlaces(1, patience_seconds=60)
    method, path, sent = play_back(firm.ingest(LARGE), "wav")
    asked = threading.Semaphore(0)

    def noted(*given: Any, **named: Any) -> Download:
        asked.release()
        return send(*given, **named)

    monkeypatch.setattr(play_backs, "send", noted)
    with (
        changed_server_of(firm, streams=places) as base_url,
        client_of(firm, base_url) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        with client.stream(method, path, **sent):
            asked.acquire()
            waiting = pool.submit(client.request, method, path, **sent)
            assert asked.acquire(timeout=60), "it did not come so far"
        assert waiting.result().status_code == 200


@needs_proc
@on_sqlite
@pytest.mark.parametrize(("door", "format_"), [(media, "raw"), (play_back, "wav")])
def test_the_connection_of_a_client_that_takes_nothing_for_long_is_closed(
    firm: Firm, door: Any, format_: str
) -> None:
    method, path, sent = door(firm.ingest(LARGE), format_)
    with (
        changed_server_of(firm, stalled_seconds=0.2) as base_url,
        client_of(firm, base_url) as client,
        client.stream(method, path, **sent) as response,
    ):
        until(lambda: not open_media() and len(decoders()) <= 1, "what was held for it is free")
        with pytest.raises(httpx2.RemoteProtocolError):
            list(response.iter_raw())
