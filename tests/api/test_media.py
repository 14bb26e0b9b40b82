import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import jwt
import pytest
from httpx2 import Response
from sqlalchemy import update

from earwitness.archive.media import plays
from earwitness.archive.schema.people import account, api_keys, user_roles_and_rights, users
from earwitness.archive.schema.recordings import recordings
from earwitness.http.playback import media_urls, rendering
from earwitness.kernel.clock import now_ms
from earwitness.kernel.rights import Right, Role
from earwitness.media.keys.token_key import token_key
from tests.api.damage import damaged
from tests.api.serving import client_of, server_of
from tests.firm import ADMIN, Firm, tone

PLAY = "/client/recording.playBackByThirdPartyId"
MEDIA = tone(2.0, channels=2)
READER = "reader@example.com"
MINUTE_MS = 60_000


def get(
    firm: Firm,
    recording_id: int,
    format_: str = "raw",
    *,
    as_user: str = ADMIN,
    method: str = "GET",
    comment: str | None = None,
    **headers: str,
) -> Response:
    """Ask as a player does; header names with `_` for `-`."""
    params = {"format": format_} | ({} if comment is None else {"comment": comment})
    return firm.client.request(
        method,
        f"/api/client/recording/{recording_id}/media",
        params=params,
        headers=firm.headers(as_user) | {name.replace("_", "-"): value for name, value in headers.items()},
    )


def url_of(firm: Firm, recording_id: int, *, as_user: str = ADMIN, **wanted: Any) -> str:
    url: str = firm.post(f"/client/recording/{recording_id}/media-url", wanted, as_user=as_user)["url"]
    return url


def rows(firm: Firm, recording_id: int) -> list[tuple[str, int, Any]]:
    """What the audit log says of players: method, status and metadata."""
    log = firm.post("/client/recording/audit", {"recordingId": recording_id})
    return [(row["method"], row["responseCode"], row["metadata"]) for row in log if "/media" in row["route"]]


def minutes_from_now(monkeypatch: pytest.MonkeyPatch, module: Any, minutes: float) -> None:
    moment = now_ms() + int(minutes * MINUTE_MS)
    monkeypatch.setattr(module, "now_ms", lambda: moment)


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
    head = get(firm, recording_id, format_, method="HEAD", Range="bytes=0-9")
    assert rows(firm, recording_id) == []
    whole = get(firm, recording_id, format_)
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


def test_a_url_plays_without_a_header(firm: Firm) -> None:
    recording_id = firm.ingest(MEDIA)
    answer = firm.post(f"/client/recording/{recording_id}/media-url", {"format": "raw"})
    assert set(answer) == {"url", "expiresAt"}
    assert answer["expiresAt"].endswith("Z")
    assert rows(firm, recording_id) == []
    url = answer["url"]
    assert url.startswith("http://")
    response = firm.client.get(url, headers={"Range": "bytes=0-9"})
    assert (response.status_code, response.content) == (206, MEDIA[:10])
    assert firm.client.get(url).content == MEDIA
    assert firm.client.head(url).headers["Content-Length"] == str(len(MEDIA))
    assert firm.client.get(url_of(firm, recording_id, format="raw")).is_success
    told = rows(firm, recording_id)
    assert [(method, status) for method, status, _ in told] == [("GET", 206), ("GET", 200)]
    assert told[0][2]["format"] == "raw"
    assert told[0][2]["mediaUrl"] != told[1][2]["mediaUrl"]
    log = firm.post("/client/recording/audit", {"recordingId": recording_id})
    assert {row["username"] for row in log} == {ADMIN}


def test_a_url_is_good_for_five_minutes(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    url = url_of(firm, firm.ingest(MEDIA), format="raw")
    minutes_from_now(monkeypatch, media_urls, 4.9)
    assert firm.client.get(url).is_success
    minutes_from_now(monkeypatch, media_urls, 5.1)
    response = firm.client.get(url)
    assert (response.status_code, response.json()["code"]) == (401, "token-expired")


def test_a_url_opens_only_its_recording_in_its_format(firm: Firm) -> None:
    first, second = firm.ingest(MEDIA), firm.ingest(MEDIA, thirdPartyId="call-2")
    url = url_of(firm, first, format="raw")
    assert firm.client.get(url.replace(f"recording/{first}/", f"recording/{second}/")).status_code == 401
    assert firm.client.get(url + "&format=mp3").status_code == 400
    path, _, token = url.partition("?token=")
    another = ("B" if token[0] == "A" else "A") + token[1:]
    for altered in ("", "AAAA", token[:-1], token[::-1], another, f"{token}AAAA", "ü"):
        assert firm.client.get(path, params={"token": altered}).status_code == 401
    assert firm.client.get(path).status_code == 400
    assert firm.client.get(path, params={"token": firm.token()}).status_code == 401


def test_bearer_tokens_and_media_url_tokens_are_not_interchangeable(firm: Firm) -> None:
    recording_id = firm.ingest(MEDIA)
    path, _, token = url_of(firm, recording_id, format="raw").partition("?token=")
    refused = firm.client.get(path, params={"token": firm.token()})
    assert (refused.status_code, refused.json()["detail"]) == (401, "The URL is not valid.")
    bearer = {"Authorization": f"Bearer {token}"}
    media = f"/api/client/recording/{recording_id}/media"
    for refused in (
        firm.client.get(media, headers=bearer),
        firm.client.post("/api/client/recording.search", json={}, headers=bearer),
    ):
        assert (refused.status_code, refused.json()["detail"]) == (401, "The token is not valid.")
    refused = firm.client.post("/api/auth/refresh", json={"refreshToken": token})
    assert refused.status_code == 401


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_a_url_of_another_algorithm_or_without_a_signature_is_refused(firm: Firm) -> None:
    path, _, token = url_of(firm, firm.ingest(MEDIA), format="raw").partition("?token=")
    key = token_key(firm.settings)
    claims = jwt.decode(token, key, algorithms=["HS256"], audience="media-url")
    assert firm.client.get(path, params={"token": jwt.encode(claims, key, algorithm="HS256")}).is_success
    others = (
        jwt.encode(claims, "", algorithm="none"),
        jwt.encode(claims, key, algorithm="HS512"),
        jwt.encode(claims, key, algorithm="HS384"),
        jwt.encode(claims, b"k" * 32, algorithm="HS256"),
        jwt.encode({**claims, "aud": "another"}, key, algorithm="HS256"),
        jwt.encode({name: value for name, value in claims.items() if name != "aud"}, key, algorithm="HS256"),
    )
    for other in others:
        assert firm.client.get(path, params={"token": other}).status_code == 401


def test_a_url_is_short_enough_for_every_player(firm: Firm) -> None:
    url = url_of(firm, firm.ingest(MEDIA), format="raw", comment="c" * 1000)
    assert len(url) < 2048


def test_a_comment_in_any_script_leaves_a_url_short(firm: Firm) -> None:
    comment = "ж" * 2000
    url = url_of(firm, firm.ingest(MEDIA), format="raw", comment=comment)
    assert len(url) < 6000
    assert firm.client.get(url).content == MEDIA
    [(_, _, metadata)] = rows(firm, 1)
    assert metadata["comment"] == comment


@pytest.mark.parametrize("how", ["user", "key", "right", "private"])
def test_a_url_stops_working_when_its_user_loses_the_right(firm: Firm, how: str) -> None:
    user_id = firm.add_user(READER, [Role.STANDARD_USER])
    recording_id = firm.ingest(MEDIA)
    url = url_of(firm, recording_id, as_user=READER, format="raw")
    assert firm.client.get(url).is_success
    of_user = api_keys.c.user_id == user_id
    with firm.archive.write() as connection:
        if how == "user":
            connection.execute(update(users).where(users.c.id == user_id).values(is_active=False))
        elif how == "key":
            connection.execute(update(api_keys).where(of_user).values(revoked_at=now_ms()))
        elif how == "right":
            granted = user_roles_and_rights.c.user_id == user_id
            connection.execute(update(user_roles_and_rights).where(granted).values(name=Right.RECORDING_VIEW))
        else:
            connection.execute(update(recordings).values(is_private=True))
    statuses = {"user": 401, "key": 401, "right": 403, "private": 404}
    assert firm.client.get(url).status_code == statuses[how]


def test_refused_urls_are_in_the_audit_log(firm: Firm) -> None:
    firm.add_user(READER, [Role.STANDARD_USER])
    firm.add_user("viewer@example.com", [Right.RECORDING_VIEW])
    recording_id = firm.ingest(MEDIA, isPrivate=True)
    path = f"/client/recording/{recording_id}/media-url"
    assert firm.call("POST", path, {}, as_user=READER).status_code == 404
    assert firm.call("POST", path, {}, as_user="viewer@example.com").status_code == 403
    assert firm.call("POST", path, {"format": "ogg"}).status_code == 400
    assert firm.call("POST", path, content=b"{").status_code == 400
    assert firm.client.post(f"/api{path}", json={}).status_code == 401
    assert [status for _, status, _ in rows(firm, recording_id)] == [404, 403, 400, 400]


@pytest.mark.parametrize(("trusted", "scheme"), [("10.0.0.0/8", "http"), ("127.0.0.0/8", "https")])
def test_a_url_has_the_scheme_that_a_trusted_proxy_sends(firm: Firm, trusted: str, scheme: str) -> None:
    path = f"client/recording/{firm.ingest(MEDIA)}/media-url"
    with (
        server_of(firm, trusted_proxies=(ip_network(trusted),)) as base_url,
        client_of(firm, base_url) as client,
    ):
        told = {"X-Forwarded-Proto": "https"}
        url = client.post(path, json={"format": "raw"}, headers=told).json()["url"]
        assert url.startswith(base_url.replace("http", scheme))
        assert client.get(url.replace("https", "http"), headers={"Authorization": ""}).content == MEDIA
