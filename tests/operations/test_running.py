"""Operations run alike for requests and for commands: in one transaction with their rows in the ledger."""

from typing import Any

import pytest
from sqlalchemy import select, text

from earwitness.api.administration.tags import add_tag, list_tags
from earwitness.api.comments import get_comments
from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.schema.work import audit_headers, audit_rows
from earwitness.cli.calling import make_in
from earwitness.kernel.deadlines import Deadline, deadline
from earwitness.kernel.errors import BadRequest, Conflict, OutOfDate, OutOfTime, Unavailable
from earwitness.kernel.rights import Right
from earwitness.operations import operations
from earwitness.operations.operations import Call, Operation
from tests.firm import CLIENT_ID, Firm


@operations.write("/add-and-refuse", right=Right.RECORDING_TAG_EDIT)
def add_and_refuse(call: Call) -> None:
    """Add a tag, then refuse."""
    add_tag.handle(call, add_tag.takes(tag="late"))
    raise Conflict("Too late.")


def read_length(call: Call) -> int:
    """How often the operation below was prepared."""
    PREPARED.append(call.viewer.client_id)
    return len(PREPARED)


@operations.write("/late", right=Right.RECORDING_TAG_EDIT, prepare=read_length)
def add_the_third_time(call: Call) -> None:
    """Add a tag, unless what was prepared is out of date."""
    add_tag.handle(call, add_tag.takes(tag=f"prepared-{call.prepared}"))
    if call.prepared % 3:
        raise OutOfDate


@operations.write("/never", right=Right.RECORDING_TAG_EDIT, prepare=read_length)
def add_never(call: Call) -> None:
    """Add a tag, and find that what was prepared is out of date."""
    add_tag.handle(call, add_tag.takes(tag="never"))
    raise OutOfDate


PREPARED: list[int] = []


def command(firm: Firm, name: str, operation: Operation, body: dict[str, Any] | None = None) -> Any:
    accounts: Accounts = firm.app.state.installation.accounts
    return make_in(accounts, CLIENT_ID, name, operation, body)


def rows(firm: Firm, entity: str) -> list[tuple[str, str, Any]]:
    """The rows of the ledger on entities of one kind: method, route and metadata."""
    shown = select(audit_headers.c.method, audit_headers.c.route, audit_rows.c.metadata)
    joined = shown.join(audit_rows, audit_rows.c.audit_header_id == audit_headers.c.id)
    with firm.archive.read() as connection:
        found = connection.execute(joined.where(audit_rows.c.entity_name == entity).order_by(audit_rows.c.id))
        return [tuple(row) for row in found]


def test_a_request_and_a_command_leave_the_same_row_but_for_who_ran_it(firm: Firm) -> None:
    firm.post("/admin/tag", {"tag": "by-request"})
    command(firm, "tag create", add_tag, {"tag": "by-command"})
    assert {one.tag for one in command(firm, "tag list", list_tags)} == {"by-request", "by-command"}
    assert rows(firm, "Tag") == [
        ("POST", "/admin/tag", {"tag": "by-request"}),
        ("CLI", "earwitness tag create", {"tag": "by-command"}),
    ]


def test_a_change_that_is_refused_leaves_no_row(firm: Firm) -> None:
    with pytest.raises(Conflict):
        command(firm, "tag create", add_and_refuse)
    assert command(firm, "tag list", list_tags) == []
    assert rows(firm, "Tag") == []


def test_an_audited_read_by_a_command_has_a_row_for_its_recording(firm: Firm) -> None:
    recording_id = firm.ingest()
    assert command(firm, "comment list", get_comments, {"recordingId": recording_id}) == []
    assert rows(firm, "Recording")[-1] == ("CLI", "earwitness comment list", None)


def test_a_command_is_refused_what_a_request_would_be(firm: Firm) -> None:
    with pytest.raises(BadRequest, match="nearly"):
        command(firm, "tag create", add_tag, {"tag": "a", "nearly": 1})


def test_a_change_is_prepared_again_until_that_is_not_out_of_date(firm: Firm) -> None:
    PREPARED.clear()
    command(firm, "late", add_the_third_time)
    assert [one.tag for one in command(firm, "tag list", list_tags)] == ["prepared-3"]
    assert len(rows(firm, "Tag")) == 1


def test_a_change_that_is_always_out_of_date_is_given_up_and_changes_nothing(firm: Firm) -> None:
    with pytest.raises(Unavailable):
        command(firm, "never", add_never)
    assert command(firm, "tag list", list_tags) == []
    assert rows(firm, "Tag") == []


def counted_to_a_billion(call: Call) -> int:
    """An answer for which there is no time."""
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000)"
    return int(call.connection.execute(text(f"{numbers} SELECT count(*) FROM n")).scalar_one())


@operations.write("/slow-answer", right=Right.RECORDING_TAG_EDIT, answer=counted_to_a_billion)
def add_and_answer_slowly(call: Call) -> None:
    """Add a tag; the answer takes too long."""
    add_tag.handle(call, add_tag.takes(tag="added"))


def test_who_gets_no_answer_in_time_is_told_that_the_change_was_made(firm: Firm) -> None:
    token = deadline.set(Deadline(0.2))
    try:
        with pytest.raises(OutOfTime, match="The change was made"):
            command(firm, "slow", add_and_answer_slowly)
    finally:
        deadline.reset(token)
    assert [tag["tag"] for tag in firm.get("/admin/tag")] == ["added"]
