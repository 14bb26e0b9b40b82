from typing import Any

import pytest
from httpx2 import Response

from earwitness.kernel.rights import Right, Role
from tests.firm import ADMIN, Firm

READER = "reader@example.com"


def set_tags(firm: Firm, recording_id: int, *tags: str, as_user: str = ADMIN) -> Response:
    return firm.call(
        "PUT", "/client/recording/tags", {"recordingId": recording_id, "tags": list(tags)}, as_user=as_user
    )


def tags_of(firm: Firm, recording_id: int) -> list[str]:
    page = firm.post("/client/recording.search", {"recordingIds": {"include": [recording_id]}})
    tags: list[str] = page["recordings"][0]["tags"]
    return tags


def catalogue(firm: Firm) -> dict[str, int]:
    return {tag["tag"]: tag["id"] for tag in firm.get("/admin/tag")}


def test_the_tags_of_a_recording_are_set_shown_and_found(firm: Firm) -> None:
    recording_id = firm.ingest(tags=["Old"])
    firm.ingest(thirdPartyId="call-2", tags=["Old"])
    response = set_tags(firm, recording_id, "Gold", "Silver")
    assert response.json() == {"recordingId": recording_id, "tags": ["Gold", "Silver"]}
    assert tags_of(firm, recording_id) == ["Gold", "Silver"]
    assert firm.search(freeText="silver") == ["call-1"]
    assert firm.search(freeText="old") == ["call-2"]
    assert firm.search(tagIds={"include": [catalogue(firm)["Gold"]]}) == ["call-1"]


def test_a_tag_in_another_case_is_the_same_tag(firm: Firm) -> None:
    recording_id = firm.ingest(tags=["Verified"])
    assert set_tags(firm, recording_id, "VERIFIED", "verified").json()["tags"] == ["Verified"]
    assert catalogue(firm) == {"Verified": 1}


def test_no_tags_leave_a_recording_without_any(firm: Firm) -> None:
    recording_id = firm.ingest(tags=["Old"])
    assert set_tags(firm, recording_id).is_success
    assert tags_of(firm, recording_id) == []
    assert firm.search(freeText="old") == []


@pytest.mark.parametrize("tags", [[""], [" "], [None], "Gold", [1]])
def test_tags_without_a_name_are_refused(firm: Firm, tags: Any) -> None:
    recording_id = firm.ingest(tags=["Old"])
    sent = {"recordingId": recording_id, "tags": tags}
    response = firm.call("PUT", "/client/recording/tags", sent)
    assert response.status_code == 400
    assert response.json()["errors"][0]["path"].startswith("tags")
    assert tags_of(firm, recording_id) == ["Old"]


def test_setting_tags_is_in_the_audit_log_refused_or_not(firm: Firm) -> None:
    firm.add_user(READER, [Role.STANDARD_USER])
    firm.add_user("tagger@example.com", [Right.RECORDING_TAG_EDIT])
    recording_id = firm.ingest(isPrivate=True)
    set_tags(firm, recording_id, "Gold")
    assert set_tags(firm, recording_id, "Silver", as_user=READER).status_code == 403
    assert set_tags(firm, recording_id, "Silver", as_user="tagger@example.com").status_code == 404
    log = firm.post("/client/recording/audit", {"recordingId": recording_id})
    rows = [(row["responseCode"], row["metadata"]) for row in log if row["method"] == "PUT"]
    assert rows == [(200, {"tags": ["Gold"]}), (403, None), (404, None)]
    assert tags_of(firm, recording_id) == ["Gold"]


def test_tags_are_added_and_deleted_by_hand_too(firm: Firm) -> None:
    assert firm.post("/admin/tag", {"tag": "Gold"}) == {"id": 1}
    assert firm.get("/admin/tag") == [{"id": 1, "tag": "Gold"}]
    for same in ("Gold", "GOLD"):
        assert firm.call("POST", "/admin/tag", {"tag": same}).status_code == 409
    assert firm.call("POST", "/admin/tag", {"tag": "  "}).status_code == 400
    assert firm.call("DELETE", "/admin/tag/1").is_success
    assert firm.get("/admin/tag") == []
    assert firm.post("/admin/tag", {"tag": "Gold"}) == {"id": 2}


def test_a_renamed_tag_is_found_by_its_new_name(firm: Firm) -> None:
    first_id = firm.ingest(tags=["Gold"])
    firm.ingest(thirdPartyId="call-2", tags=["Gold", "Silver"])
    tag_id = catalogue(firm)["Gold"]
    assert firm.call("PUT", f"/admin/tag/{tag_id}", {"tag": "Platinum"}).json() == {
        "id": tag_id,
        "tag": "Platinum",
    }
    assert sorted(firm.search(freeText="platinum")) == ["call-1", "call-2"]
    assert firm.search(freeText="gold") == []
    assert tags_of(firm, first_id) == ["Platinum"]


def test_a_tag_changes_its_case_but_not_into_another(firm: Firm) -> None:
    firm.ingest(tags=["gold", "Silver"])
    gold = catalogue(firm)["gold"]
    assert firm.call("PUT", f"/admin/tag/{gold}", {"tag": "Gold"}).is_success
    assert firm.call("PUT", f"/admin/tag/{gold}", {"tag": "SILVER"}).status_code == 409
    assert firm.call("PUT", "/admin/tag/99", {"tag": "Bronze"}).status_code == 404
    assert set(catalogue(firm)) == {"Gold", "Silver"}


def test_a_tag_in_use_is_not_deleted(firm: Firm) -> None:
    recording_id = firm.ingest(tags=["Gold"])
    sent = {"recordingId": recording_id, "comment": "Checked.", "tag": "Silver"}
    comment_id = firm.post("/client/recording/comment", sent)["commentId"]
    gold, silver = catalogue(firm)["Gold"], catalogue(firm)["Silver"]
    assert firm.call("DELETE", f"/admin/tag/{gold}").status_code == 409
    assert firm.call("DELETE", f"/admin/tag/{silver}").status_code == 409
    set_tags(firm, recording_id)
    firm.call("DELETE", f"/client/recording/comment?recordingId={recording_id}&cIdf={comment_id}")
    assert firm.call("DELETE", f"/admin/tag/{gold}").is_success
    assert firm.call("DELETE", f"/admin/tag/{silver}").is_success
    assert firm.call("DELETE", f"/admin/tag/{silver}").status_code == 404
    assert catalogue(firm) == {}


@pytest.mark.parametrize("granted", ["Recording.Tag.View", "Compliance"])
def test_the_right_to_view_tags_allows_listing_but_no_changes(firm: Firm, granted: str) -> None:
    firm.add_user(READER, [granted])
    firm.post("/admin/tag", {"tag": "Gold"})
    assert firm.get("/admin/tag", as_user=READER) == [{"id": 1, "tag": "Gold"}]
    for method, path in (("POST", "/admin/tag"), ("PUT", "/admin/tag/1"), ("DELETE", "/admin/tag/1")):
        body = None if method == "DELETE" else {"tag": "x"}
        refused = firm.call(method, path, body, as_user=READER)
        assert (refused.status_code, refused.json()["right"]) == (403, "Recording.Tag.Edit")
    assert catalogue(firm) == {"Gold": 1}


def test_the_catalogue_is_for_those_who_view_or_edit_tags(firm: Firm) -> None:
    firm.add_user(READER, [Role.STANDARD_USER])
    firm.post("/admin/tag", {"tag": "Gold"})
    assert firm.call("GET", "/admin/tag", as_user=READER).status_code == 403
    assert firm.call("POST", "/admin/tag", {"tag": "x"}, as_user=READER).status_code == 403
    assert firm.call("PUT", "/admin/tag/1", {"tag": "x"}, as_user=READER).status_code == 403
    assert firm.call("DELETE", "/admin/tag/1", as_user=READER).status_code == 403
    assert catalogue(firm) == {"Gold": 1}
