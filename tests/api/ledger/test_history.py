"""Every version of what was changed can be read, by those who may see it today."""

from typing import Any

from earwitness.kernel.rights import Right
from tests.firm import ADMIN, Firm

HISTORY = "/ledger/history"


def history(firm: Firm, name: str, id_: int, **more: Any) -> list[dict[str, Any]]:
    versions: list[dict[str, Any]] = firm.post(HISTORY, {"entityName": name, "entityId": id_, **more})
    return versions


def test_each_version_of_a_tag_is_there_with_what_replaced_it(firm: Firm) -> None:
    tag = firm.post("/admin/tag", {"tag": "Complaint"})["id"]
    for name in ("Complaints", "Grievance"):
        assert firm.call("PUT", f"/admin/tag/{tag}", {"tag": name}).status_code == 200
    versions = [(one["before"], one["after"]) for one in history(firm, "Tag", tag)]
    names = ["Complaint", "Complaints", "Grievance"]
    assert versions == [
        (None, {"tag": names[0]}),
        ({"tag": names[0]}, {"tag": names[1]}),
        ({"tag": names[1]}, {"tag": names[2]}),
    ]
    assert {one["username"] for one in history(firm, "Tag", tag)} == {ADMIN}


def test_a_version_that_is_the_same_as_before_is_none(firm: Firm) -> None:
    tag = firm.post("/admin/tag", {"tag": "Complaint"})["id"]
    assert firm.call("PUT", f"/admin/tag/{tag}", {"tag": "Complaint"}).status_code == 200
    assert len(history(firm, "Tag", tag)) == 1


def test_what_was_deleted_has_a_last_version(firm: Firm) -> None:
    tag = firm.post("/admin/tag", {"tag": "Complaint"})["id"]
    assert firm.call("DELETE", f"/admin/tag/{tag}").status_code == 200
    assert history(firm, "Tag", tag)[-1]["before"] == {"tag": "Complaint"}
    assert history(firm, "Tag", tag)[-1]["after"] is None


def test_users_are_shown_with_their_rights_to_those_who_may_see_users(firm: Firm) -> None:
    user = firm.post("/admin/user", {"username": "ada@example.com", "rolesAndRights": ["Standard User"]})[
        "id"
    ]
    changed = firm.call("PUT", f"/admin/user/{user}", {"rolesAndRights": ["Compliance"]})
    assert changed.status_code == 200
    last = history(firm, "User", user)[-1]
    assert (last["before"]["rolesAndRights"], last["after"]["rolesAndRights"]) == (
        ["Standard User"],
        ["Compliance"],
    )
    firm.add_user("auditor@example.com", [Right.LEDGER_VIEW])
    refused = firm.call(
        "POST", HISTORY, {"entityName": "User", "entityId": user}, as_user="auditor@example.com"
    )
    assert refused.status_code == 403


def test_a_page_of_versions(firm: Firm) -> None:
    tag = firm.post("/admin/tag", {"tag": "0"})["id"]
    for number in range(1, 5):
        firm.call("PUT", f"/admin/tag/{tag}", {"tag": str(number)})
    answer = firm.call("POST", HISTORY, {"entityName": "Tag", "entityId": tag, "page": 2, "pageSize": 2})
    assert answer.headers["X-Total-Count"] == "5"
    assert [one["after"] for one in answer.json()] == [{"tag": "2"}, {"tag": "3"}]
