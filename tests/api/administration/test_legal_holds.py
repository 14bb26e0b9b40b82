from typing import Any

import pytest
from sqlalchemy import select

from earwitness.archive.schema.work import audit_rows
from earwitness.kernel.rights import Right
from tests.firm import Firm

HOLD = "/admin/legalHold"
CLERK = "clerk@example.com"
READER = "reader@example.com"


def hold(firm: Firm, *interaction_ids: int, name: str = "Enquiry 14") -> int:
    hold_id: int = firm.post(HOLD, {"name": name, "interactionIds": list(interaction_ids)})["id"]
    return hold_id


def calls(firm: Firm, *third_party_ids: str, **metadata: Any) -> list[int]:
    return [firm.ingest(thirdPartyId=one, **metadata) for one in third_party_ids]


def changes(firm: Firm, recording_id: int) -> list[tuple[str, int, Any]]:
    """What the audit log says that holds did to a recording."""
    log = firm.post("/client/recording/audit", {"recordingId": recording_id})
    return [
        (row["method"], row["responseCode"], (row["metadata"] or {}).get("change"))
        for row in log
        if row["route"].startswith(HOLD)
    ]


def test_a_hold_is_made_listed_and_shown(firm: Firm) -> None:
    first, second, third = calls(firm, "call-1", "call-2", "call-3")
    hold_id = hold(firm, first, third)
    [listed] = firm.get(HOLD)
    assert listed.pop("createdAt").endswith("Z")
    assert listed == {"id": hold_id, "name": "Enquiry 14", "total": 2}
    assert firm.get(f"{HOLD}/{hold_id}")["interactionIds"] == [first, third]
    page = firm.post("/client/recording.search", {"startTimeDirection": "ASC"})
    held = {"id": hold_id, "name": "Enquiry 14"}
    assert [one["legalHolds"] for one in page["recordings"]] == [[held], [], [held]]
    [detail] = firm.post("/client/recording.detail.get", {"interactionIds": [first]})
    assert detail["metadata"]["retention"]["legalHolds"] == [held]
    assert firm.search(legalHoldId=hold_id, startTimeDirection="ASC") == ["call-1", "call-3"]
    assert second not in firm.get(f"{HOLD}/{hold_id}")["interactionIds"]


def test_a_hold_may_begin_empty(firm: Firm) -> None:
    hold_id = firm.post(HOLD, {"name": "Enquiry 14"})["id"]
    assert firm.get(f"{HOLD}/{hold_id}")["interactionIds"] == []
    assert firm.search(legalHoldId=hold_id) == []


def test_a_change_replaces_the_recordings_and_the_name(firm: Firm) -> None:
    first, second, third = calls(firm, "call-1", "call-2", "call-3")
    hold_id = hold(firm, first, second)
    response = firm.call("PUT", f"{HOLD}/{hold_id}", {"interactionIds": [second, third]})
    assert response.json()["interactionIds"] == [second, third]
    response = firm.call("PUT", f"{HOLD}/{hold_id}", {"name": "Enquiry 15"})
    assert (response.json()["name"], response.json()["interactionIds"]) == ("Enquiry 15", [second, third])
    assert changes(firm, first) == [("POST", 201, "added"), ("PUT", 200, "removed")]
    assert changes(firm, second) == [("POST", 201, "added")]
    assert changes(firm, third) == [("PUT", 200, "added")]


def test_an_ended_hold_keeps_no_recording_and_stays_in_the_ledger(firm: Firm) -> None:
    [first] = calls(firm, "call-1")
    hold_id = hold(firm, first)
    assert firm.call("DELETE", f"{HOLD}/{hold_id}").is_success
    assert firm.get(HOLD) == []
    assert firm.search(legalHoldId=hold_id) == []
    assert firm.post("/client/recording.search", {})["recordings"][0]["legalHolds"] == []
    for method, body in (("GET", None), ("PUT", {"name": "x"}), ("DELETE", None)):
        assert firm.call(method, f"{HOLD}/{hold_id}", body).status_code == 404
    assert changes(firm, first) == [("POST", 201, "added"), ("DELETE", 200, "removed")]
    with firm.archive.read() as connection:
        told = connection.scalars(
            select(audit_rows.c.metadata).where(audit_rows.c.entity_name == "LegalHold")
        )
        assert list(told) == [{"name": "Enquiry 14"}, {"name": "Enquiry 14", "ended": True}]


def test_a_recording_under_two_holds_stays_under_the_other(firm: Firm) -> None:
    [first] = calls(firm, "call-1")
    ended, other = hold(firm, first), hold(firm, first, name="Enquiry 15")
    firm.call("DELETE", f"{HOLD}/{ended}")
    held = firm.post("/client/recording.search", {})["recordings"][0]["legalHolds"]
    assert held == [{"id": other, "name": "Enquiry 15"}]


def test_hidden_recordings_are_neither_shown_counted_nor_removed(firm: Firm) -> None:
    firm.add_user(CLERK, [Right.LEGAL_HOLD_VIEW, Right.LEGAL_HOLD_EDIT])
    [seen, other] = calls(firm, "call-1", "call-2")
    [private] = calls(firm, "private-1", isPrivate=True)
    hold_id = hold(firm, seen, private)
    assert [one["total"] for one in firm.get(HOLD, as_user=CLERK)] == [1]
    assert firm.get(f"{HOLD}/{hold_id}", as_user=CLERK)["interactionIds"] == [seen]
    response = firm.call("PUT", f"{HOLD}/{hold_id}", {"interactionIds": [other]}, as_user=CLERK)
    assert response.json()["interactionIds"] == [other]
    assert firm.get(f"{HOLD}/{hold_id}")["interactionIds"] == [other, private]
    assert changes(firm, private) == [("POST", 201, "added")]


def test_unknown_recordings_are_named_and_nothing_changes(firm: Firm) -> None:
    firm.add_user(CLERK, [Right.LEGAL_HOLD_VIEW, Right.LEGAL_HOLD_EDIT])
    [seen] = calls(firm, "call-1")
    [private] = calls(firm, "private-1", isPrivate=True)
    for unknown in (private, 999):
        sent = {"name": "Enquiry 14", "interactionIds": [seen, unknown]}
        response = firm.call("POST", HOLD, sent, as_user=CLERK)
        assert response.status_code == 400
        assert response.json()["errors"] == [
            {"path": "interactionIds[1]", "message": f"there is no recording {unknown}"}
        ]
    assert firm.get(HOLD) == []
    assert changes(firm, seen) == [("POST", 400, None), ("POST", 400, None)]


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"name": " "},
        {"name": "x", "interactionIds": [0]},
        {"name": "x", "interactionIds": list(range(1, 1002))},
    ],
)
def test_invalid_holds_are_refused(firm: Firm, sent: dict[str, Any]) -> None:
    assert firm.call("POST", HOLD, sent).status_code == 400
    assert firm.get(HOLD) == []


def test_a_recording_named_twice_is_held_once(firm: Firm) -> None:
    [first] = calls(firm, "call-1")
    assert firm.get(f"{HOLD}/{hold(firm, first, first)}")["interactionIds"] == [first]


def test_each_call_needs_its_right(firm: Firm) -> None:
    firm.add_user(READER, [Right.LEGAL_HOLD_VIEW])
    hold_id = hold(firm)
    assert firm.get(HOLD, as_user=READER)[0]["id"] == hold_id
    assert firm.call("POST", HOLD, {"name": "x"}, as_user=READER).status_code == 403
    assert firm.call("PUT", f"{HOLD}/{hold_id}", {"name": "x"}, as_user=READER).status_code == 403
    assert firm.call("DELETE", f"{HOLD}/{hold_id}", as_user=READER).status_code == 403
    firm.add_user("nobody@example.com", [Right.RECORDING_VIEW])
    assert firm.call("GET", HOLD, as_user="nobody@example.com").status_code == 403
    assert firm.call("GET", f"{HOLD}/{hold_id}", as_user="nobody@example.com").status_code == 403


def test_the_right_to_edit_allows_reading(firm: Firm) -> None:
    firm.add_user("editor@example.com", [Right.LEGAL_HOLD_EDIT])
    one = firm.post(HOLD, {"name": "x"}, as_user="editor@example.com")["id"]
    assert [listed["id"] for listed in firm.get(HOLD, as_user="editor@example.com")] == [one]
    assert firm.get(f"{HOLD}/{one}", as_user="editor@example.com")["name"] == "x"
