"""Media for players: ranges, renditions, damage, and one row in the audit log."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from earwitness.archive.media import plays
from earwitness.archive.schema.people import account
from earwitness.http.playback import rendering
from earwitness.kernel.rights import Right, Role
from tests.api.damage import damaged
from tests.api.playing import MEDIA, READER, get, minutes_from_now, rows, url_of
from tests.api.serving import client_of, server_of
from tests.firm import Firm, tone


def test_the_whole_answer_has_the_headers_that_a_player_needs(firm: Firm) -> None:
    recording_id = firm.ingest(MEDIA)
    response = get(firm, recording_id)
    assert (response.status_code, response.content) == (200, MEDIA)
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["Content-Length"] == str(len(MEDIA))
    assert response.headers["ETag"] == f'"{hashlib.sha256(MEDIA).hexdigest()}"'
    assert response.headers["Content-Disposition"] == 'inline; filename="call-1.raw"'
    assert "Content-Range" not in response.headers


@pytest.mark.parametrize("format_", ["raw", "wav"])
def test_a_range_is_that_part_of_the_whole(firm: Firm, format_: str) -> None:
    recording_id = firm.ingest(MEDIA)
    whole = get(firm, recording_id, format_).content
    size = len(whole)
    for wanted, start, stop in (("0-9", 0, 10), ("100-", 100, size), ("-7", size - 7, size)):
        response = get(firm, recording_id, format_, Range=f"bytes={wanted}")
        assert (response.status_code, response.content) == (206, whole[start:stop])
        assert response.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{size}"
        assert response.headers["Content-Length"] == str(stop - start)


def test_several_ranges_are_answered_with_the_whole(firm: Firm) -> None:
    response = get(firm, firm.ingest(MEDIA), Range="bytes=0-9,20-29")
    assert (response.status_code, response.content) == (200, MEDIA)


def test_a_range_beyond_the_end_is_refused_with_the_size(firm: Firm) -> None:
    recording_id = firm.ingest(MEDIA)
    response = get(firm, recording_id, Range=f"bytes={len(MEDIA)}-")
    assert (response.status_code, response.json()["code"]) == (416, "range-not-satisfiable")
    assert response.headers["Content-Range"] == f"bytes */{len(MEDIA)}"
    assert rows(firm, recording_id) == [("GET", 416, {"format": "raw"})]


def test_media_that_the_player_has_is_not_sent_again(firm: Firm) -> None:
    recording_id = firm.ingest(MEDIA)
    etag = get(firm, recording_id).headers["ETag"]
    response = get(firm, recording_id, If_None_Match=etag, Range="bytes=0-9")
    assert (response.status_code, response.content, response.headers["ETag"]) == (304, b"", etag)
    assert get(firm, recording_id, If_Range=etag, Range="bytes=0-9").status_code == 206
    assert get(firm, recording_id, If_Range='"other"', Range="bytes=0-9").status_code == 200


@pytest.mark.parametrize("format_", ["raw", "wav"])
def test_head_has_the_headers_of_get_and_no_body(firm: Firm, format_: str) -> None:
    recording_id = firm.ingest(MEDIA)
    whole = get(firm, recording_id, format_)
    before = rows(firm, recording_id)
    head = get(firm, recording_id, format_, method="HEAD", Range="bytes=0-9")
    assert rows(firm, recording_id) == before
    assert (head.status_code, head.content) == (200, b"")
    for name in ("Content-Type", "Content-Length", "ETag", "Accept-Ranges", "Content-Disposition"):
        assert head.headers[name] == whole.headers[name]


def test_a_rendition_is_made_once_for_a_player_that_seeks(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording_id = firm.ingest(MEDIA)
    whole = get(firm, recording_id, "wav-mono").content
    monkeypatch.setattr(rendering, "begin_rendition", None)
    assert get(firm, recording_id, "wav-mono", Range="bytes=50-59").content == whole[50:60]


def test_a_rendition_that_cannot_be_made_is_refused_each_time(firm: Firm) -> None:
    recording_id = firm.ingest(b"no recording at all")
    for _ in range(2):
        refused = get(firm, recording_id, "wav")
        assert (refused.status_code, refused.json()["formats"]) == (422, ["raw"])


def test_renditions_for_players_are_encrypted_on_disk_and_removed_with_the_server(firm: Firm) -> None:
    recording_id = firm.ingest(MEDIA)
    before = _files(firm)
    whole = get(firm, recording_id, "wav").content
    assert whole[44:] in MEDIA
    for file in _files(firm):
        assert whole[1000:1100] not in file.read_bytes()
    assert len(_files(firm)) > len(before)
    firm.app.state.installation.renditions.close()
    assert _files(firm) == before


def _files(firm: Firm) -> set[Path]:
    return {file for file in (firm.settings.data / "accounts").rglob("media/**/*") if file.is_file()}


def test_a_player_is_refused_what_playing_back_refuses(firm: Firm) -> None:
    firm.add_user(READER, [Role.STANDARD_USER])
    firm.add_user("viewer@example.com", [Right.RECORDING_VIEW])
    recording_id = firm.ingest(MEDIA, isPrivate=True)
    silent = firm.ingest(thirdPartyId="call-2")
    undecodable = firm.ingest(b"evidence", thirdPartyId="call-3")
    assert get(firm, 999).status_code == 404
    assert get(firm, recording_id, as_user=READER).status_code == 404
    assert get(firm, recording_id, as_user="viewer@example.com").status_code == 403
    assert get(firm, recording_id, "ogg").json()["errors"][0]["path"] == "format"
    assert get(firm, silent).json()["code"] == "no-media"
    refused = get(firm, undecodable, "mp3")
    assert (refused.status_code, refused.json()["formats"]) == (422, ["raw"])
    assert firm.client.get(f"/api/client/recording/{recording_id}/media").status_code == 401
    assert firm.call("GET", "/client/recording/x/media").status_code == 400
    assert firm.call("GET", f"/client/recording/{recording_id}/media?as=mp3").status_code == 400
    assert [status for _, status, _ in rows(firm, recording_id)] == [404, 403, 400, 400]
    assert [status for _, status, _ in rows(firm, undecodable)] == [422]


def test_a_comment_may_be_forced_and_may_be_a_number(firm: Firm) -> None:
    recording_id = firm.ingest(MEDIA)
    with firm.archive.write() as connection:
        connection.execute(update(account).values(forced_comments=True))
    assert get(firm, recording_id).json()["code"] == "comment-required"
    assert get(firm, recording_id, comment="4711").is_success
    assert rows(firm, recording_id)[-1] == ("GET", 200, {"comment": "4711", "format": "raw"})
    path = f"/client/recording/{recording_id}/media-url"
    assert firm.call("POST", path, {"format": "raw"}).json()["code"] == "comment-required"
    assert firm.client.get(url_of(firm, recording_id, format="raw", comment="QA")).is_success
    assert rows(firm, recording_id)[-1][2]["comment"] == "QA"


def test_damage_is_reported_before_the_first_byte_where_it_is_known(firm: Firm) -> None:
    recording_id = firm.ingest(MEDIA)
    with damaged(firm, recording_id, "raw"):
        for wanted in ("bytes=0-9", "bytes=-1"):
            response = get(firm, recording_id, Range=wanted)
            assert (response.status_code, response.json()["code"]) == (500, "media-corrupt")
    assert get(firm, recording_id, Range="bytes=-1").content == MEDIA[-1:]
    assert [status for _, status, _ in rows(firm, recording_id)] == [500, 500, 206]


def test_intact_parts_play_although_others_are_damaged(firm: Firm) -> None:
    media = tone(20.0, channels=2)
    recording_id = firm.ingest(media)
    with damaged(firm, recording_id, "raw"):
        assert get(firm, recording_id, Range="bytes=0-99").content == media[:100]


def test_a_short_answer_is_refused_for_damage_anywhere_in_it(firm: Firm) -> None:
    media = tone(10.0, channels=1)[:150_000]
    recording_id = firm.ingest(media)
    with damaged(firm, recording_id, "raw"):
        for headers in ({}, {"Range": "bytes=100-"}):
            assert get(firm, recording_id, **headers).json()["code"] == "media-corrupt"
    assert get(firm, recording_id).content == media
    assert get(firm, recording_id, Range="bytes=100-").content == media[100:]


def test_more_plays_than_are_held_in_memory_are_still_one_row_each(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    holding_two = replace(firm.app.state.installation, plays=plays.Plays(most=2))
    monkeypatch.setattr(firm.app.state, "installation", holding_two)
    recording_id = firm.ingest(MEDIA)
    for comment in ("one", "two", "three") * 3:
        get(firm, recording_id, comment=comment, Range="bytes=0-9")
    assert [metadata["comment"] for *_, metadata in rows(firm, recording_id)] == ["one", "two", "three"]


def test_another_process_finds_the_row_of_the_first(firm: Firm) -> None:
    recording_id = firm.ingest(MEDIA)
    get(firm, recording_id, Range="bytes=0-9")
    with server_of(firm) as base_url, client_of(firm, base_url) as client:
        path, headers = f"client/recording/{recording_id}/media", {"Range": "bytes=10-19"}
        assert client.get(path, params={"format": "raw"}, headers=headers).content == MEDIA[10:20]
    assert rows(firm, recording_id) == [("GET", 206, {"format": "raw"})]


def test_many_requests_of_a_player_are_one_row(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    firm.add_user(READER, [Role.STANDARD_USER])
    recording_id = firm.ingest(MEDIA)
    for start in range(0, 5000, 1000):
        get(firm, recording_id, Range=f"bytes={start}-{start + 999}")
    once = ("GET", 206, {"format": "raw"})
    assert rows(firm, recording_id) == [once]
    get(firm, recording_id, as_user=READER, Range="bytes=0-9")
    get(firm, recording_id, "mp3", Range="bytes=0-9")
    get(firm, recording_id, comment="QA", Range="bytes=0-9")
    others = [once, ("GET", 206, {"format": "mp3"}), ("GET", 206, {"comment": "QA", "format": "raw"})]
    assert rows(firm, recording_id) == [once, *others]
    minutes_from_now(monkeypatch, plays, 5.1)
    get(firm, recording_id, Range="bytes=0-9")
    assert rows(firm, recording_id) == [once, *others, once]


def test_a_refusal_does_not_stand_for_a_play(firm: Firm) -> None:
    recording_id = firm.ingest(MEDIA)
    get(firm, recording_id, Range="bytes=9999999-")
    get(firm, recording_id, Range="bytes=0-9")
    assert [status for _, status, _ in rows(firm, recording_id)] == [416, 206]


def test_many_requests_at_once_are_one_row(firm: Firm) -> None:
    recording_id = firm.ingest(MEDIA)
    with server_of(firm) as base_url, client_of(firm, base_url) as client:

        def ask(start: int) -> bytes:
            headers = {"Range": f"bytes={start}-{start + 9}"}
            path = f"client/recording/{recording_id}/media"
            return client.get(path, params={"format": "wav"}, headers=headers).content

        with ThreadPoolExecutor(8) as pool:
            assert all(len(part) == 10 for part in pool.map(ask, range(0, 1600, 100)))
    assert rows(firm, recording_id) == [("GET", 206, {"format": "wav"})]
