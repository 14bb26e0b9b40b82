from typing import Any

import pytest
from httpx2 import Response

from earwitness.kernel.rights import Right, Role
from tests.firm import ADMIN, Firm

COMMENT = "/client/recording/comment"
AUTHOR = "author@example.com"
READER = "reader@example.com"


def comment(
    firm: Firm, recording_id: int, text: str = "Checked.", *, as_user: str = ADMIN, **more: Any
) -> int:
    sent = {"recordingId": recording_id, "comment": text, **more}
    comment_id: int = firm.post(COMMENT, sent, as_user=as_user)["commentId"]
    return comment_id


def comments(firm: Firm, recording_id: int, *, as_user: str = ADMIN, **filters: Any) -> list[str]:
    """The texts of a recording's comments, in order."""
    found = firm.get(COMMENT, as_user=as_user, recordingId=recording_id, **filters)
    return [one["comment"] for one in found]


def withdraw(firm: Firm, recording_id: int, comment_id: int, *, as_user: str = ADMIN) -> Response:
    return firm.call("DELETE", f"{COMMENT}?recordingId={recording_id}&cIdf={comment_id}", as_user=as_user)


def rows(firm: Firm, recording_id: int) -> list[tuple[str, int]]:
    """The method and status of each call on the recording's comments, as the audit log has them."""
    log = firm.post("/client/recording/audit", {"recordingId": recording_id})
    return [(row["method"], row["responseCode"]) for row in log if row["route"] == COMMENT]


def test_comments_are_shown_as_the_documentation_shows_them(firm: Firm) -> None:
    author_id = firm.add_user(AUTHOR, [Role.STANDARD_USER])
    recording_id = firm.ingest()
    comment(
        firm,
        recording_id,
        "Customer ID verified at 00:35.",
        as_user=AUTHOR,
        startOffsetInSeconds=35,
        endOffsetInSeconds=42.5,
        tag="verified_id",
    )
    comment(firm, recording_id, "Reviewed for QA — no issues.", as_user=AUTHOR)
    response = firm.call("GET", f"{COMMENT}?recordingId={recording_id}")
    assert response.headers["X-Total-Count"] == "2"
    first, second = response.json()
    assert first.pop("insertedAt").endswith("Z")
    assert first == {
        "comment": "Customer ID verified at 00:35.",
        "startOffsetInSeconds": 35,
        "endOffsetInSeconds": 42.5,
        "recordingId": recording_id,
        "insertedByUserId": author_id,
        "insertedByUsername": AUTHOR,
        "tag": {"id": 1, "tag": "verified_id"},
    }
    assert '"startOffsetInSeconds":35,' in response.text
    assert second["startOffsetInSeconds"] == 0
    assert set(second) == set(first) - {"endOffsetInSeconds", "tag"} | {"insertedAt"}


def test_comments_are_picked_by_bookmark_and_by_id(firm: Firm) -> None:
    recording_id = firm.ingest()
    comment(firm, recording_id, "On the bookmark.", bookmarkId=7)
    other_id = comment(firm, recording_id, "On another.", bookmarkId=8)
    assert comments(firm, recording_id, bID=7) == ["On the bookmark."]
    assert comments(firm, recording_id, cIdf=other_id) == ["On another."]
    assert comments(firm, recording_id, bID=7, cIdf=other_id) == []


def test_comments_are_oldest_first_and_of_their_recording_alone(firm: Firm) -> None:
    recording_id, other_id = firm.ingest(), firm.ingest(thirdPartyId="call-2")
    comment(firm, recording_id, "First.")
    comment(firm, other_id, "Elsewhere.")
    comment(firm, recording_id, "Second.")
    assert comments(firm, recording_id) == ["First.", "Second."]


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        ({"comment": " \n"}, "comment"),
        ({"comment": None}, "comment"),
        ({"comment": "x", "startOffsetInSeconds": 10, "endOffsetInSeconds": 9.5}, "endOffsetInSeconds"),
        ({"comment": "x", "startOffsetInSeconds": -1}, "startOffsetInSeconds"),
        ({"comment": "x", "tag": " "}, "tag"),
        ({"comment": "x", "bookmarkId": 0}, "bookmarkId"),
        ({"comment": "x", "offset": 1}, "offset"),
    ],
)
def test_an_invalid_comment_names_the_field(firm: Firm, sent: dict[str, Any], path: str) -> None:
    recording_id = firm.ingest()
    response = firm.call("POST", COMMENT, {"recordingId": recording_id, **sent})
    assert response.status_code == 400
    assert [error["path"] for error in response.json()["errors"]] == [path]
    assert rows(firm, recording_id) == [("POST", 400)]


def test_a_comment_may_end_where_it_begins_and_lie_after_the_recording(firm: Firm) -> None:
    recording_id = firm.ingest()
    comment(firm, recording_id, startOffsetInSeconds=5000, endOffsetInSeconds=5000)
    assert comments(firm, recording_id) == ["Checked."]


def test_the_recording_must_be_named(firm: Firm) -> None:
    response = firm.call("GET", COMMENT)
    assert response.status_code == 400
    assert response.json()["errors"][0]["path"] == "recordingId"
    assert firm.call("GET", f"{COMMENT}?recordingId=1&nr=2").status_code == 400


def test_a_hidden_recording_is_answered_as_an_unknown_one(firm: Firm) -> None:
    firm.add_user(READER, [Role.STANDARD_USER])
    recording_id = firm.ingest(isPrivate=True)
    comment_id = comment(firm, recording_id)
    for wanted in (recording_id, 999):
        assert firm.call("GET", f"{COMMENT}?recordingId={wanted}", as_user=READER).status_code == 404
        sent = {"recordingId": wanted, "comment": "x"}
        assert firm.call("POST", COMMENT, sent, as_user=READER).status_code == 404
        assert withdraw(firm, wanted, comment_id, as_user=READER).status_code == 404
    assert comments(firm, recording_id) == ["Checked."]


def test_each_call_needs_its_right(firm: Firm) -> None:
    firm.add_user(READER, [Right.RECORDING_COMMENT_VIEW])
    firm.add_user(AUTHOR, [Right.RECORDING_COMMENT_EDIT])
    recording_id = firm.ingest()
    comment_id = comment(firm, recording_id, as_user=AUTHOR)
    assert comments(firm, recording_id, as_user=READER) == ["Checked."]
    assert firm.call("GET", f"{COMMENT}?recordingId={recording_id}", as_user=AUTHOR).status_code == 403
    sent = {"recordingId": recording_id, "comment": "x"}
    assert firm.call("POST", COMMENT, sent, as_user=READER).status_code == 403
    assert withdraw(firm, recording_id, comment_id, as_user=READER).status_code == 403


def test_a_comment_is_withdrawn_by_its_author_or_an_admin_alone(firm: Firm) -> None:
    firm.add_user(AUTHOR, [Role.STANDARD_USER])
    firm.add_user(READER, [Role.STANDARD_USER])
    recording_id = firm.ingest()
    first_id = comment(firm, recording_id, "First.", as_user=AUTHOR)
    second_id = comment(firm, recording_id, "Second.", as_user=AUTHOR)
    assert withdraw(firm, recording_id, first_id, as_user=READER).status_code == 403
    assert withdraw(firm, recording_id, first_id, as_user=AUTHOR).is_success
    assert comments(firm, recording_id) == ["Second."]
    assert withdraw(firm, recording_id, second_id, as_user=ADMIN).is_success
    assert comments(firm, recording_id) == []


def test_a_withdrawn_comment_vanishes_and_stays_in_the_audit_log(firm: Firm) -> None:
    recording_id = firm.ingest()
    comment_id = comment(firm, recording_id, "To be withdrawn.")
    assert firm.search(hasComments=True) == ["call-1"]
    assert withdraw(firm, recording_id, comment_id).is_success
    assert withdraw(firm, recording_id, comment_id).status_code == 404
    assert comments(firm, recording_id, cIdf=comment_id) == []
    assert firm.search(hasComments=True) == []
    assert firm.search(hasComments=False) == ["call-1"]
    [found] = firm.post("/client/recording.search", {})["recordings"]
    assert found["commentsCount"] == 0
    log = firm.post("/client/recording/audit", {"recordingId": recording_id})
    told = [row["metadata"] for row in log if row["route"] == COMMENT and row["metadata"]]
    assert told == [
        {"commentId": comment_id, "comment": "To be withdrawn."},
        {"withdrawnCommentId": comment_id},
    ]


def test_a_comment_is_withdrawn_from_its_own_recording_alone(firm: Firm) -> None:
    recording_id, other_id = firm.ingest(), firm.ingest(thirdPartyId="call-2")
    comment_id = comment(firm, recording_id)
    assert withdraw(firm, other_id, comment_id).status_code == 404
    assert comments(firm, recording_id) == ["Checked."]


def test_every_call_is_in_the_audit_log(firm: Firm) -> None:
    firm.add_user(READER, [Role.STANDARD_USER])
    recording_id = firm.ingest()
    comment_id = comment(firm, recording_id)
    comments(firm, recording_id)
    withdraw(firm, recording_id, comment_id, as_user=READER)
    withdraw(firm, recording_id, comment_id)
    assert rows(firm, recording_id) == [("POST", 201), ("GET", 200), ("DELETE", 403), ("DELETE", 200)]


def test_a_call_of_headers_is_in_the_audit_log_as_such(firm: Firm) -> None:
    recording_id = firm.ingest()
    assert firm.call("HEAD", f"{COMMENT}?recordingId={recording_id}").status_code == 200
    assert firm.call("HEAD", f"{COMMENT}?recordingId={recording_id}&nr=2").status_code == 400
    comments(firm, recording_id)
    assert sorted(rows(firm, recording_id)) == [("GET", 200), ("HEAD", 200), ("HEAD", 400)]


def test_comments_are_counted_for_those_who_may_read_them(firm: Firm) -> None:
    firm.add_user(READER, [Right.RECORDING_VIEW])
    comment(firm, firm.ingest())
    assert firm.post("/client/recording.search", {})["recordings"][0]["commentsCount"] == 1
    seen = firm.post("/client/recording.search", {}, as_user=READER)["recordings"][0]
    assert seen["commentsCount"] == 0


def test_the_audit_log_has_its_words_for_those_who_may_read_comments(firm: Firm) -> None:
    firm.add_user(READER, [Right.RECORDING_AUDIT_VIEW])
    recording_id = firm.ingest()
    comment_id = comment(firm, recording_id, "Between us.", tag="Secret", endOffsetInSeconds=3)
    withdraw(firm, recording_id, comment_id)
    log = firm.post("/client/recording/audit", {"recordingId": recording_id}, as_user=READER)
    told = [row["metadata"] for row in log if row["route"] == COMMENT]
    assert told == [{"commentId": comment_id}, {"withdrawnCommentId": comment_id}]


def test_the_tag_of_a_comment_is_not_the_recordings(firm: Firm) -> None:
    recording_id = firm.ingest(tags=["Reviewed"])
    comment(firm, recording_id, tag="reviewed")
    comment(firm, recording_id, tag="Escalated")
    tags = [one["tag"]["tag"] for one in firm.get(COMMENT, recordingId=recording_id)]
    assert tags == ["Reviewed", "Escalated"]
    assert firm.post("/client/recording.search", {})["recordings"][0]["tags"] == ["Reviewed"]
    assert firm.search(tagIds={"include": [2]}) == []
