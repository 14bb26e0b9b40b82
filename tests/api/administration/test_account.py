"""Account settings."""

from typing import Any

import pytest
from sqlalchemy import select

from earwitness.archive.schema.work import audit_rows
from earwitness.kernel.rights import Right
from tests.firm import CLIENT_ID, Firm, tone

ACCOUNT = "/admin/account"


def test_a_new_account_has_the_default_settings(firm: Firm) -> None:
    account = firm.get(ACCOUNT)
    assert len(account.pop("accountGuid")) == 36
    assert account == {
        "clientId": CLIENT_ID,
        "name": "A firm",
        "region": "",
        "forcedComments": False,
        "transcription": "none",
        "mayShortenRetention": False,
    }


def test_settings_that_are_left_out_stay(firm: Firm) -> None:
    before = firm.get(ACCOUNT)
    everything = {
        "name": "Another name",
        "region": "uk",
        "forcedComments": True,
        "transcription": "pocketsphinx",
        "mayShortenRetention": True,
    }
    assert firm.call("PUT", ACCOUNT, everything).json() == {**before, **everything}
    changed = firm.call("PUT", ACCOUNT, {"forcedComments": False, "region": ""}).json()
    assert changed == {**before, **everything, "forcedComments": False, "region": ""} == firm.get(ACCOUNT)
    assert [account.name for account in firm.app.state.installation.accounts.all()] == ["Another name"]


def test_recordings_show_the_region_of_the_account(firm: Firm) -> None:
    interaction_id = firm.ingest()
    firm.call("PUT", ACCOUNT, {"region": "uk"})
    (detail,) = firm.post("/client/recording.detail.get", {"interactionIds": [interaction_id]})
    assert detail["metadata"]["region"] == "uk"
    assert detail["metadata"]["accountGuid"] == firm.get(ACCOUNT)["accountGuid"]


def test_forced_comments_are_forced_at_once(firm: Firm) -> None:
    firm.ingest(tone())
    play = {"thirdPartyId": "call-1", "format": "raw"}
    path = "/client/recording.playBackByThirdPartyId"
    assert firm.call("POST", path, play).status_code == 200
    firm.call("PUT", ACCOUNT, {"forcedComments": True})
    response = firm.call("POST", path, play)
    assert (response.status_code, response.json()["code"]) == (400, "comment-required")
    assert firm.call("POST", path, {**play, "comment": "QA"}).status_code == 200


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"transcription": "whisper"}, "transcription"),
        ({"forcedComments": 1}, "forcedComments"),
        ({"name": "  "}, "name"),
        ({"clientId": 1}, "clientId"),
        ({"mayshortenretention": True}, "mayshortenretention"),
    ],
)
def test_invalid_settings_are_named(firm: Firm, body: dict[str, Any], path: str) -> None:
    before = firm.get(ACCOUNT)
    response = firm.call("PUT", ACCOUNT, body)
    assert response.status_code == 400
    assert [fault["path"] for fault in response.json()["errors"]] == [path]
    assert firm.get(ACCOUNT) == before


def test_either_right_shows_the_settings_and_one_changes_them(firm: Firm) -> None:
    firm.add_user("viewer", [Right.ACCOUNT_VIEW])
    firm.add_user("editor", [Right.ACCOUNT_EDIT])
    firm.add_user("neither", [Right.USERS_EDIT])
    assert firm.get(ACCOUNT, as_user="viewer") == firm.get(ACCOUNT, as_user="editor")
    response = firm.call("GET", ACCOUNT, as_user="neither")
    assert (response.status_code, response.json()["right"]) == (403, "Account.View or Account.Edit")
    response = firm.call("PUT", ACCOUNT, {"name": "x"}, as_user="viewer")
    assert (response.status_code, response.json()["right"]) == (403, "Account.Edit")
    assert firm.call("PUT", ACCOUNT, {"name": "x"}, as_user="editor").status_code == 200


def test_the_ledger_has_each_change(firm: Firm) -> None:
    firm.call("PUT", ACCOUNT, {"name": "New", "mayShortenRetention": True})
    firm.call("PUT", ACCOUNT, {"name": ""})
    with firm.archive.read() as connection:
        changes = select(audit_rows).where(audit_rows.c.entity_name != "SignIn")
        rows = connection.execute(changes.order_by(audit_rows.c.id)).all()
    assert [(row.entity_name, row.entity_id, row.metadata) for row in rows] == [
        ("Account", CLIENT_ID, None),  # it was created
        ("Account", CLIENT_ID, {"name": "New", "mayShortenRetention": True}),
    ]
