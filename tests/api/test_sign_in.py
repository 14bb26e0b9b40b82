"""Signing in: both spellings, one answer to every failure, lockout, refresh, and rights lost at once."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from ipaddress import ip_network
from random import Random
from typing import Any

import httpx2
import jwt
import pytest
from httpx2 import Response
from litestar import Request
from sqlalchemy import delete, insert, select, update

from earwitness.archive.accounts.sign_in import MOST_KEPT, WINDOW_MS, count_failure
from earwitness.archive.schema.directory import sign_in_failures
from earwitness.archive.schema.people import api_keys, refresh_tokens, users
from earwitness.http.client_address import address_of
from earwitness.kernel.clock import now_ms
from earwitness.kernel.settings import Settings
from earwitness.media.keys.token_key import token_key
from tests.api.serving import server_of
from tests.firm import ADMIN, CLIENT_ID, Firm


def sign_in(firm: Firm, spelling: str = "authWithApiKey", **changes: Any) -> Response:
    body: dict[str, Any] = {"clientId": CLIENT_ID, "username": ADMIN, "apiKey": firm.keys[ADMIN]} | changes
    address = body.pop("address", None)
    headers = {"X-Forwarded-For": address} if address else {}
    return firm.client.post(f"/api/{spelling}", json=body, headers=headers)


@pytest.mark.parametrize("spelling", ["authWithApiKey", "authWithAPIKey"])
def test_both_spellings_answer_a_token_that_works(firm: Firm, spelling: str) -> None:
    response = sign_in(firm, spelling)
    assert response.status_code == 200
    assert set(response.json()) == {"token", "refreshToken"}
    headers = {"Authorization": f"Bearer {response.json()['token']}"}
    assert firm.client.post("/api/client/recording.search", json={}, headers=headers).status_code == 200


def test_every_failure_is_answered_alike(firm: Firm) -> None:
    with firm.archive.write() as connection:
        connection.execute(update(users).values(is_locked=True))
    locked = sign_in(firm)
    with firm.archive.write() as connection:
        connection.execute(update(users).values(is_locked=False, is_active=False))
    inactive = sign_in(firm)
    failures = [
        locked,
        inactive,
        sign_in(firm, apiKey="wrong"),
        sign_in(firm, username="nobody"),
        sign_in(firm, clientId=999),
    ]
    assert {response.status_code for response in failures} == {401}
    assert len({response.text for response in failures}) == 1


def failures(firm: Firm) -> list[str]:
    """Whose failures are remembered, each as often as it failed."""
    with firm.app.state.installation.accounts.directory.begin() as connection:
        return list(connection.scalars(select(sign_in_failures.c.subject)))


@pytest.mark.parametrize("username", [ADMIN, "nobody-at-all"])
def test_ten_failures_keep_an_address_out_for_a_while(firm: Firm, username: str) -> None:
    for _ in range(10):
        assert sign_in(firm, username=username, apiKey="wrong").status_code == 401
    for refused in (sign_in(firm), sign_in(firm, username="somebody", apiKey="else")):
        assert (refused.status_code, refused.json()["code"]) == (429, "too-many-requests")
        assert 0 < int(refused.headers["retry-after"]) <= WINDOW_MS // 1000
    with firm.app.state.installation.accounts.directory.begin() as connection:
        connection.execute(update(sign_in_failures).values(failed_at=now_ms() - WINDOW_MS))
    assert sign_in(firm).status_code == 200


def test_a_wrong_user_name_of_any_length_stores_little(firm: Firm) -> None:
    random = Random(1)
    name = "".join(chr(random.randrange(0x20000, 0x2A6D0)) for _ in range(3000))
    wrong = sign_in(firm, username="nobody", apiKey="wrong")
    for _ in range(9):
        refused = sign_in(firm, username=name, apiKey="wrong")
        assert (refused.status_code, refused.text) == (401, wrong.text)
    assert sign_in(firm, username=name, apiKey="wrong").status_code == 429
    assert len(kept := failures(firm)) == 10
    assert max(map(len, kept)) <= 100


def test_ten_failures_keep_an_address_out_whatever_the_names(firm: Firm) -> None:
    for number in range(10):
        assert sign_in(firm, username=f"nobody-{number}").status_code == 401
    assert sign_in(firm).status_code == 429


def test_a_blocked_address_stores_nothing_more(firm: Firm) -> None:
    for number in range(30):
        sign_in(firm, username=f"nobody-{number}")
    assert len(failures(firm)) == 10


def test_invalid_refresh_tokens_block_no_address(firm: Firm) -> None:
    for _ in range(20):
        assert firm.client.post("/api/auth/refresh", json={"refreshToken": "x.y.z"}).status_code == 401
    assert (failures(firm), sign_in(firm).status_code) == ([], 200)


BEHIND_A_PROXY = (ip_network("127.0.0.0/8"),)
OTHERS = {
    "203.0.113.7": "203.0.113.8",
    "2001:db8:0:1::1": "2001:db8:0:2::1",
    "::ffff:203.0.113.7": "203.0.113.8",
}
"""Addresses, and others that failures from there do not count for."""
THE_SAME = {
    "203.0.113.7": "::ffff:203.0.113.7",
    "2001:db8:0:1::1": "2001:db8:0:1:ffff:ffff:ffff:ffff",
    "::ffff:203.0.113.7": "203.0.113.7",
}


@pytest.mark.parametrize("address", OTHERS)
def test_failures_from_one_address_keep_nobody_out_elsewhere(firm: Firm, address: str) -> None:
    credentials = {"clientId": CLIENT_ID, "username": ADMIN, "apiKey": firm.keys[ADMIN]}
    with (
        server_of(firm, trusted_proxies=BEHIND_A_PROXY) as base_url,
        httpx2.Client(base_url=base_url) as client,
    ):

        def status(address: str, **changes: Any) -> int:
            headers = {"X-Forwarded-For": address}
            return client.post("authWithApiKey", json=credentials | changes, headers=headers).status_code

        for _ in range(10):
            assert status(address, apiKey="wrong") == 401
        assert (status(address), status(THE_SAME[address])) == (429, 429)
        assert status(OTHERS[address]) == 200


def test_processes_count_together(firm: Firm) -> None:
    def status(base_url: str, **changes: Any) -> int:
        body = {"clientId": CLIENT_ID, "username": ADMIN, "apiKey": firm.keys[ADMIN]} | changes
        return httpx2.post(f"{base_url}/authWithApiKey", json=body).status_code

    with server_of(firm) as one, server_of(firm) as other:
        for base_url in (one, other) * 5:
            assert status(base_url, apiKey="wrong") == 401
        assert (status(one), status(other)) == (429, 429)


def test_failures_of_ever_new_addresses_do_not_fill_the_disk(firm: Firm) -> None:
    accounts = firm.app.state.installation.accounts
    rows = [{"subject": f"address:{number}", "failed_at": now_ms()} for number in range(MOST_KEPT + 150)]
    with accounts.directory.begin() as connection:
        for at in range(0, len(rows), 10_000):
            connection.execute(insert(sign_in_failures), rows[at : at + 10_000])
    for number in range(9):
        count_failure(accounts, f"203.0.113.{number}")
    assert len(kept := failures(firm)) == MOST_KEPT
    assert {"address:203.0.113.0", f"address:{MOST_KEPT + 149}"} <= set(kept)
    assert "address:0" not in kept


def test_success_counts_no_failure(firm: Firm) -> None:
    for _ in range(12):
        assert sign_in(firm).status_code == 200


def test_many_sign_ins_at_once_take_no_longer_than_one_after_another(firm: Firm) -> None:
    with ThreadPoolExecutor(16) as pool:
        statuses = [response.status_code for response in pool.map(lambda _: sign_in(firm), range(32))]
    assert statuses == [200] * 32


def test_of_many_wrong_keys_at_once_ten_are_answered_401(firm: Firm) -> None:
    with ThreadPoolExecutor(16) as pool:
        wrong = pool.map(lambda number: sign_in(firm, apiKey=f"guess-{number}"), range(32))
        statuses = sorted(response.status_code for response in wrong)
    assert statuses == [401] * 10 + [429] * 22


def test_a_trusted_proxy_names_the_addresses_behind_it(firm: Firm) -> None:
    trusted = (ip_network("10.0.0.0/8"), ip_network("127.0.0.0/8"))
    credentials = {"clientId": CLIENT_ID, "username": ADMIN, "apiKey": firm.keys[ADMIN]}
    with server_of(firm, trusted_proxies=trusted) as base_url, httpx2.Client(base_url=base_url) as client:

        def status(forwarded: str, **changes: Any) -> int:
            headers = {"X-Forwarded-For": forwarded}
            return client.post("authWithApiKey", json=credentials | changes, headers=headers).status_code

        for number in range(10):
            assert status("203.0.113.7", username=f"nobody-{number}") == 401
        assert status("203.0.113.7") == 429
        assert status("203.0.113.8") == 200
        # What the caller itself wrote stands before what the proxies added, and is not believed.
        assert status("198.51.100.1, 203.0.113.7, 10.0.0.1") == 429
        assert status("203.0.113.7:5555") == 429


PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))

CALLERS = {
    ("10.0.0.1", "203.0.113.9"): "203.0.113.9",
    ("::ffff:10.0.0.1", "203.0.113.9"): "203.0.113.9",
    ("fd00::1", "::ffff:203.0.113.9"): "203.0.113.9",
    ("10.0.0.1", "203.0.113.9:5555"): "203.0.113.9",
    ("10.0.0.1", "203.0.113.9:5555, 10.0.0.2:80"): "203.0.113.9",
    ("10.0.0.1", "203.0.113.9, [fd00::2]:443"): "203.0.113.9",
    ("10.0.0.1", "[2001:db8::1]:443"): "2001:db8::1",
    ("10.0.0.1", "[2001:db8::1]"): "2001:db8::1",
    ("10.0.0.1", "2001:DB8::1"): "2001:db8::1",
    ("10.0.0.1", "fe80::1%" + "x" * 5000): "fe80::1",
    ("10.0.0.1", ""): "10.0.0.1",
    ("::ffff:10.0.0.1", "10.0.0.2"): "10.0.0.1",
    ("10.0.0.1", "203.0.113.9, unknown"): "10.0.0.1",
    ("10.0.0.1", "203.0.113.9, 10.0.0.2:80:80"): "10.0.0.1",
    ("::ffff:198.51.100.1", "203.0.113.9"): "198.51.100.1",
    ("", "203.0.113.9"): "",
}
"""The peer and what it says in `X-Forwarded-For`, and whose failures are counted."""


@pytest.mark.parametrize(("peer", "forwarded"), CALLERS)
def test_an_address_is_the_same_however_peers_and_gateways_write_it(peer: str, forwarded: str) -> None:
    headers = [(b"x-forwarded-for", forwarded.encode())]
    scope: Any = {"type": "http", "client": (peer, 50000), "headers": headers}
    assert address_of(Request(scope), PROXIES) == CALLERS[peer, forwarded]


def test_an_untrusted_caller_cannot_claim_another_address(firm: Firm) -> None:
    for number in range(10):
        sign_in(firm, username=f"nobody-{number}", address=f"203.0.113.{number}")
    assert sign_in(firm, address="203.0.113.99").status_code == 429


def test_a_refresh_token_works_once_and_its_second_use_ends_its_family(firm: Firm) -> None:
    first = sign_in(firm).json()["refreshToken"]
    refreshed = firm.client.post("/api/auth/refresh", json={"refreshToken": first})
    assert refreshed.status_code == 200
    second = refreshed.json()["refreshToken"]
    assert firm.client.post("/api/auth/refresh", json={"refreshToken": first}).status_code == 401
    assert firm.client.post("/api/auth/refresh", json={"refreshToken": second}).status_code == 401


def test_a_refresh_token_used_twice_ends_all_tokens_that_came_from_it(firm: Firm) -> None:
    def refresh(signed_in: dict[str, str]) -> Response:
        return firm.client.post("/api/auth/refresh", json={"refreshToken": signed_in["refreshToken"]})

    def status(signed_in: dict[str, str]) -> int:
        headers = {"Authorization": f"Bearer {signed_in['token']}"}
        return firm.client.post("/api/client/recording.search", json={}, headers=headers).status_code

    apart = sign_in(firm).json()
    first = sign_in(firm).json()
    second = refresh(first).json()
    third = refresh(second).json()
    family = [first, second, third]
    assert [status(one) for one in family] == [200, 200, 200]
    assert refresh(first).status_code == 401
    assert [status(one) for one in family] == [401, 401, 401]
    assert [status(apart), status(sign_in(firm).json())] == [200, 200]


def test_a_bearer_token_stays_valid_after_its_refresh_token_expired(settings: Settings) -> None:
    with Firm(replace(settings, token_minutes=120, refresh_token_hours=1)) as firm:
        firm.token()
        with firm.archive.write() as connection:
            passed = 90 * 60_000
            connection.execute(update(refresh_tokens).values(expires_at=refresh_tokens.c.expires_at - passed))
        sign_in(firm)  # which also forgets what has expired
        assert firm.call("POST", "/client/recording.search", {}).status_code == 200


def test_a_bearer_token_is_not_accepted_as_a_refresh_token_or_the_reverse(firm: Firm) -> None:
    answer = sign_in(firm).json()
    assert firm.client.post("/api/auth/refresh", json={"refreshToken": answer["token"]}).status_code == 401
    headers = {"Authorization": f"Bearer {answer['refreshToken']}"}
    assert firm.client.post("/api/client/recording.search", json={}, headers=headers).status_code == 401


def test_an_expired_token_is_named_as_one(firm: Firm) -> None:
    key = token_key(firm.settings)
    claims = jwt.decode(firm.token(), key, algorithms=["HS256"])
    expired = jwt.encode(claims | {"exp": claims["iat"] - 1}, key, algorithm="HS256")
    response = firm.client.post(
        "/api/client/recording.search", json={}, headers={"Authorization": f"Bearer {expired}"}
    )
    assert (response.status_code, response.json()["code"]) == (401, "token-expired")


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer x.y.z", "Basic dXNlcjpwYXNz"])
def test_an_invalid_token_is_401(firm: Firm, token: str) -> None:
    response = firm.client.post("/api/client/recording.search", json={}, headers={"Authorization": token})
    assert (response.status_code, response.json()["code"]) == (401, "unauthorized")


def test_a_revoked_key_and_a_locked_user_are_out_at_once(firm: Firm) -> None:
    assert firm.call("POST", "/client/recording.search", {}).status_code == 200
    with firm.archive.write() as connection:
        connection.execute(update(users).values(is_locked=True))
    assert firm.call("POST", "/client/recording.search", {}).status_code == 401
    with firm.archive.write() as connection:
        connection.execute(update(users).values(is_locked=False))
        connection.execute(update(api_keys).values(revoked_at=1))
    assert firm.call("POST", "/client/recording.search", {}).status_code == 401


def test_the_key_itself_is_nowhere_in_the_database(firm: Firm) -> None:
    with firm.archive.read() as connection:
        stored = connection.execute(api_keys.select()).all()
    assert firm.keys[ADMIN] not in repr(stored)
    with firm.app.state.installation.accounts.directory.begin() as connection:
        connection.execute(delete(sign_in_failures))


def test_sign_ins_and_refused_ones_are_in_the_ledger(firm: Firm) -> None:
    sign_in(firm, apiKey="wrong", address="192.0.2.7")
    sign_in(firm, username="perhaps-a-secret", address="192.0.2.7")
    sign_in(firm)
    answer = firm.post("/ledger/search", {"entityName": "SignIn"})
    said = [(one["username"], one["entityId"], one["responseCode"]) for one in answer]
    user = answer[-1]["entityId"]
    assert said[:3] == [(ADMIN, user, 401), ("", 0, 401), (ADMIN, user, 200)]
    assert "perhaps-a-secret" not in str(answer)
    assert [one["metadata"] for one in answer[:3]] == [None, None, {"apiKeyId": 1}]


def test_a_sign_in_is_not_taken_for_what_was_changed_of_its_user(firm: Firm) -> None:
    def rows_of_users() -> list[Any]:
        found: list[Any] = firm.post("/ledger/search", {"entityName": "User"})
        return found

    before = rows_of_users()
    with firm.archive.write() as connection:
        connection.execute(update(users).values(full_name="Somebody Else"))
    assert sign_in(firm).status_code == 200
    assert rows_of_users() == before
