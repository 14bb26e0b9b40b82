"""The ledger, and the timeline: what happened, in the order in which it was committed."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select

from earwitness.archive.database.timeline import take_places
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Action, Entry
from earwitness.archive.ledger.touched import touch
from earwitness.archive.recordings.tags import find_or_add_tag
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.work import audit_headers, audit_rows
from tests.firm import Firm, endpoint, person

FIRST = "Create account"
"""The first action of each account."""

ACTION = Action("CLI", "earwitness test", "Test", "operator:jane", "")


def audit(firm: Firm, interaction_id: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = firm.post("/client/recording/audit", {"recordingId": interaction_id})
    return rows


def rows_of_the_ledger(firm: Firm) -> Sequence[Any]:
    with firm.archive.read() as connection:
        return connection.execute(select(audit_rows).order_by(audit_rows.c.id)).all()


def test_one_call_is_one_header_with_a_row_for_each_recording(firm: Firm) -> None:
    ids = [firm.ingest(thirdPartyId=name) for name in ("a", "b")]
    firm.post("/client/recording.detail.get", {"interactionIds": ids})
    first, second = (audit(firm, one)[-1] for one in ids)
    assert first["auditHeaderId"] == second["auditHeaderId"]
    assert (first["entityId"], second["entityId"]) == tuple(ids)


def test_an_action_without_entries_leaves_no_header(firm: Firm) -> None:
    with firm.archive.write() as connection:
        ledger.append(connection, ACTION, [])
        headers = connection.scalars(select(audit_headers.c.description)).all()
    assert headers == [FIRST]


def test_a_row_is_committed_or_rolled_back_with_its_change(firm: Firm) -> None:
    interaction_id = firm.ingest()

    def interrupted() -> None:
        with firm.archive.write() as connection:
            ledger.append(connection, ACTION, [Entry(interaction_id)])
            raise InterruptedError

    with pytest.raises(InterruptedError):
        interrupted()
    assert [row["route"] for row in audit(firm, interaction_id)] == ["/ingest/recording"]


def test_rows_tell_who_did_what_from_where(firm: Firm) -> None:
    interaction_id = firm.ingest()
    (row,) = audit(firm, interaction_id)
    assert row["username"] == "admin@example.com"
    assert row["method"] == "POST"
    assert row["ipAddress"]
    assert row["responseCode"] == 201
    assert (row["entityName"], row["parentEntityName"]) == ("Recording", "Recording")
    with firm.archive.read() as connection:
        headers = connection.execute(select(audit_headers).order_by(audit_headers.c.id)).all()
    assert headers[0].description == FIRST
    assert all(header.request_id for header in headers[1:])


def test_searches_and_unknown_recordings_leave_no_row(firm: Firm) -> None:
    firm.ingest()
    before = len(rows_of_the_ledger(firm))
    firm.search()
    firm.call("POST", "/client/recording.detail.get", {"interactionIds": [999]})
    assert len(rows_of_the_ledger(firm)) == before


def test_rows_outlive_the_recording(firm: Firm) -> None:
    interaction_id = firm.ingest()
    with firm.archive.write() as connection:
        connection.execute(recordings.delete())
    (row,) = (row for row in rows_of_the_ledger(firm) if row.entity_name == "Recording")
    assert row.entity_id == interaction_id


def test_what_comes_with_a_recording_has_rows_of_the_same_action(firm: Firm) -> None:
    """The endpoints, people and tags that it adds or changes, and none when it comes again."""
    jane = person("Jane", thirdPartyId="AAD-1")
    parts = [endpoint("1", subject=True, person=jane), endpoint("2", originator=True, person=jane)]
    for name in ("first", "second"):
        firm.ingest(thirdPartyId=name, endpoints=parts, tags=["Gold"])
    written = [row for row in rows_of_the_ledger(firm)[1:] if row.entity_name != "SignIn"]
    rows = [(row.entity_name, row.entity_id) for row in written]
    came = [("Endpoint", 1), ("Person", 1), ("Endpoint", 2), ("Tag", 1)]
    assert rows == [("Recording", 1), *came, ("Recording", 2)]
    first, second = (audit(firm, one)[0]["auditHeaderId"] for one in (1, 2))
    assert [row.audit_header_id for row in written] == [first] * 5 + [second]


def test_what_is_touched_and_stays_as_it_was_has_no_row(firm: Firm) -> None:
    tag = firm.post("/admin/tag", {"tag": "Gold"})["id"]
    before = len(rows_of_the_ledger(firm))
    with firm.archive.write() as connection:
        touch(connection, "Tag", [tag, tag + 1])
        ledger.append(connection, ACTION, [])
    assert len(rows_of_the_ledger(firm)) == before


def test_what_was_touched_and_rolled_back_is_forgotten(firm: Firm) -> None:
    def interrupted() -> None:
        with firm.archive.write() as connection:
            find_or_add_tag(connection, "Never")
            raise InterruptedError

    with pytest.raises(InterruptedError):
        interrupted()
    firm.post("/admin/tag", {"tag": "Gold"})
    rows = [(row.entity_name, row.metadata) for row in rows_of_the_ledger(firm)]
    assert [row for row in rows[1:] if row[0] != "SignIn"] == [("Tag", {"tag": "Gold"})]


def test_ids_are_handed_out_in_the_order_of_commits(firm: Firm) -> None:
    """A recording that is committed earlier has the lower id, so a search pinned to an id misses nothing."""
    held, committed = threading.Event(), threading.Event()
    order: list[str] = []

    def slow() -> int:
        with firm.archive.write() as connection:
            [(_, interaction_id)] = take_places(connection, [1000])
            held.set()
            assert not committed.wait(0.2)
            order.append("slow")
        return interaction_id

    def quick() -> int:
        assert held.wait(10)
        with firm.archive.write() as connection:
            [(_, interaction_id)] = take_places(connection, [1000])
            order.append("quick")
            committed.set()
        return interaction_id

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.submit(slow), pool.submit(quick)
        assert first.result(20) < second.result(20)
    assert order == ["slow", "quick"]


def test_an_id_that_was_rolled_back_is_not_missed_and_none_is_used_twice(firm: Firm) -> None:
    ids = [firm.ingest(thirdPartyId="a")]
    assert firm.send({"thirdPartyId": "b"}).status_code == 400
    ids.append(firm.ingest(thirdPartyId="c"))
    with firm.archive.write() as connection:
        connection.execute(recordings.delete().where(recordings.c.interaction_id == ids[-1]))
    ids.append(firm.ingest(thirdPartyId="d"))
    assert ids == [1, 2, 3]


def test_recordings_of_the_same_millisecond_keep_the_order_in_which_they_came(firm: Firm) -> None:
    names = [f"call-{number}" for number in range(12)]
    for name in names:
        firm.ingest(thirdPartyId=name)
    assert firm.search(startTimeDirection="ASC") == names
    assert firm.search() == names[::-1]
