"""Media URLs: they play one recording for some minutes, while their user may play it."""

from ipaddress import ip_network

import jwt
import pytest
from sqlalchemy import update

from earwitness.archive.schema.people import api_keys, user_roles_and_rights, users
from earwitness.archive.schema.recordings import recordings
from earwitness.http.playback import media_urls
from earwitness.kernel.clock import now_ms
from earwitness.kernel.rights import Right, Role
from earwitness.media.keys.token_key import token_key
from tests.api.playing import MEDIA, READER, minutes_from_now, rows, url_of
from tests.api.serving import client_of, server_of
from tests.firm import ADMIN, Firm


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
