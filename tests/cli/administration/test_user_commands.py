"""Operators manage users, API keys and the account while the server runs."""

import json

import pytest
from sqlalchemy import select

from earwitness.archive.schema.work import audit_headers, audit_rows
from earwitness.kernel.rights import Role
from tests.cli.running import run, run_json
from tests.firm import ADMIN, CLIENT_ID, Firm


def test_users_are_listed_as_the_api_shows_them(firm: Firm) -> None:
    run_json(
        firm.settings, "user", "create", CLIENT_ID, "bob", "--role", "Recorder", "--right", "Recording.View"
    )
    shown = firm.get("/admin/user")
    listed = run_json(firm.settings, "user", "list", CLIENT_ID)
    assert listed == shown
    assert [user["username"] for user in listed] == [ADMIN, "bob"]
    assert "Recorder" in run(firm.settings, "user", "list", CLIENT_ID).stdout


def test_a_locked_user_is_out_until_unlocked(firm: Firm) -> None:
    firm.add_user("Bob", [Role.STANDARD_USER])
    assert firm.search(as_user="Bob") == []
    assert run_json(firm.settings, "user", "lock", CLIENT_ID, "bob")["isLocked"] is True
    assert firm.call("POST", "/client/recording.search", {}, as_user="Bob").status_code == 401
    assert run_json(firm.settings, "user", "unlock", CLIENT_ID, "bob")["isLocked"] is False
    assert firm.search(as_user="Bob") == []


def test_a_deactivated_user_keeps_no_key(firm: Firm) -> None:
    firm.add_user("bob", [Role.STANDARD_USER])
    assert run_json(firm.settings, "user", "deactivate", CLIENT_ID, "bob")["isActive"] is False
    assert [key["username"] for key in run_json(firm.settings, "apikey", "list", CLIENT_ID)] == [ADMIN]
    assert run_json(firm.settings, "user", "activate", CLIENT_ID, "bob")["isActive"] is True
    body = {"clientId": CLIENT_ID, "username": "bob", "apiKey": firm.keys["bob"]}
    assert firm.client.post("/api/authWithApiKey", json=body).status_code == 401
    body = run_json(firm.settings, "apikey", "create", CLIENT_ID, "bob")
    assert firm.client.post("/api/authWithApiKey", json=body).status_code == 200


def test_a_revoked_key_stops_at_once(firm: Firm) -> None:
    firm.add_user("bob", [Role.STANDARD_USER])
    assert firm.search(as_user="bob") == []
    (key,) = [key for key in run_json(firm.settings, "apikey", "list", CLIENT_ID) if key["username"] == "bob"]
    assert run_json(firm.settings, "apikey", "revoke", CLIENT_ID, key["id"]) == {
        "id": key["id"],
        "username": "bob",
    }
    assert firm.call("POST", "/client/recording.search", {}, as_user="bob").status_code == 401
    assert run(firm.settings, "apikey", "revoke", CLIENT_ID, key["id"]).exit_code == 1
    assert firm.keys["bob"] not in run(firm.settings, "apikey", "list", CLIENT_ID).output


@pytest.mark.parametrize("words", [("lock",), ("deactivate",)])
def test_the_operator_cannot_lock_out_the_last_admin(firm: Firm, words: tuple[str, ...]) -> None:
    failed = run(firm.settings, "user", *words, CLIENT_ID, ADMIN, "--json")
    assert failed.exit_code == 1
    assert "last active Admin" in json.loads(failed.stdout)["error"]
    assert firm.search() == []


def test_an_unknown_user_is_named(firm: Firm) -> None:
    failed = run(firm.settings, "user", "lock", CLIENT_ID, "nobody")
    assert (failed.exit_code, failed.stdout) == (1, "")
    assert "There is no user nobody." in failed.stderr


def test_the_account_is_shown_and_set(firm: Firm) -> None:
    before = run_json(firm.settings, "account", "show", CLIENT_ID)
    assert before == firm.get("/admin/account")
    words = ("--forced-comments", "--name", "Another", "--transcription", "pocketsphinx")
    changed = run_json(firm.settings, "account", "set", CLIENT_ID, *words)
    told = {"name": "Another", "forcedComments": True, "transcription": "pocketsphinx"}
    assert changed == {**before, **told} == firm.get("/admin/account")
    assert (
        run_json(firm.settings, "account", "set", CLIENT_ID, "--no-forced-comments")["forcedComments"]
        is False
    )
    assert run(firm.settings, "account", "set", CLIENT_ID).exit_code == 1
    assert run(firm.settings, "account", "set", CLIENT_ID, "--name", " ").exit_code == 1
    assert run(firm.settings, "account", "set", CLIENT_ID, "--transcription", "magic").exit_code == 2
    assert "Another" in run(firm.settings, "account", "show", CLIENT_ID).stdout


def test_the_ledger_has_what_the_operator_did(firm: Firm) -> None:
    bob = firm.add_user("bob", [])
    run_json(firm.settings, "user", "lock", CLIENT_ID, "bob")
    run_json(firm.settings, "user", "deactivate", CLIENT_ID, "bob")
    run_json(firm.settings, "account", "set", CLIENT_ID, "--may-shorten-retention")
    header, row = audit_headers.c, audit_rows.c
    with firm.archive.read() as connection:
        rows = connection.execute(
            select(header.route, header.username, row.entity_name, row.entity_id, row.metadata)
            .join(audit_rows, row.audit_header_id == header.id)
            .where(header.method == "CLI")
            .order_by(row.id)
        ).all()
    assert [(one.route, one.entity_name, one.entity_id, one.metadata) for one in rows] == [
        ("earwitness user lock", "User", bob, {"isLocked": True}),
        ("earwitness user deactivate", "User", bob, {"isActive": False, "revokedApiKeyIds": [2]}),
        ("earwitness user deactivate", "ApiKey", 2, {"revoked": True}),
        ("earwitness account set", "Account", CLIENT_ID, {"mayShortenRetention": True}),
    ]
    assert all(one.username.startswith("operator:") for one in rows)


def test_a_user_name_is_no_longer_than_by_the_api(firm: Firm) -> None:
    run_json(firm.settings, "user", "create", CLIENT_ID, "n" * 512)
    refused = run_json(firm.settings, "user", "create", CLIENT_ID, "n" * 513, exit_code=1)
    assert refused == {"error": "username: expected str of length <= 512"}
