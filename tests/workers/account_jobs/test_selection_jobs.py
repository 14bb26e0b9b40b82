"""Legal holds, playlists and tags of many recordings are changed by jobs, on both databases."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Table, delete, func, select, update

from earwitness.archive.schema.recordings import (
    legal_hold_recordings,
    playlist_recordings,
    recording_endpoints,
    recording_tags,
    recordings,
)
from earwitness.archive.schema.work import account_job_positions, audit_rows, jobs
from earwitness.archive.schema.work import account_jobs as rows
from earwitness.archive.upkeep import account_work
from earwitness.archive.upkeep.account_work import ACCOUNT_WORK, Pace
from earwitness.kernel.clock import now_ms
from earwitness.kernel.rights import Right
from tests.cli.running import run
from tests.firm import Firm
from tests.many_recordings import add_people, add_recordings

HOLD, PLAYLIST, SELECTION = "/admin/legalHold", "/admin/playlist", "/client/recording/selection"
MANY = 1_200
SIZE = 500


@pytest.fixture
def positions(firm: Firm) -> list[int]:
    return add_recordings(firm, add_people(firm, 2), MANY)


def select_(firm: Firm, **body: Any) -> int:
    """Order a change of all recordings, or of those that are named. Returns the id of the job."""
    named = {} if "interactionIds" in body else {"filters": body.pop("filters", {})}
    response = firm.call("POST", SELECTION, named | body)
    assert response.status_code == 202, response.text
    return int(response.json()["jobId"])


def held_by_all(firm: Firm) -> tuple[int, int]:
    """A hold of all recordings, and the job that placed it."""
    hold_id = firm.post(HOLD, {"name": "Enquiry 14"})["id"]
    return hold_id, select_(firm, legalHoldId=hold_id)


def job(firm: Firm, job_id: int) -> dict[str, Any]:
    return dict(firm.get(f"/client/job/{job_id}"))


def go_on(firm: Firm, worker: str = "one", work: Any = ACCOUNT_WORK, size: int = SIZE) -> int | None:
    return account_work.go_on(firm.archive, worker, Pace({"selection": size, "emptying": size}), work)


def do_all_batches(firm: Firm) -> None:
    while go_on(firm) is not None:
        pass


def do_one_batch(firm: Firm) -> None:
    """Do a batch, and leave the rest to any worker at once."""
    go_on(firm, "one")
    account_work.give_back(firm.archive, "one")


def count(firm: Firm, table: Table, *which: Any) -> int:
    with firm.archive.read() as connection:
        return connection.scalar(select(func.count()).select_from(table).where(*which)) or 0


def told_of_recordings(firm: Firm) -> list[Any]:
    """What the ledger says of recordings: their header, and the metadata, in the order of the rows."""
    with firm.archive.read() as connection:
        of_recordings = audit_rows.c.entity_name == "Recording"
        told = select(audit_rows.c.audit_header_id, audit_rows.c.entity_id, audit_rows.c.metadata)
        return [tuple(row) for row in connection.execute(told.where(of_recordings).order_by(audit_rows.c.id))]


def shown_holds(firm: Firm) -> list[list[int]]:
    """The holds of the first thousand recordings, which search and detail show alike."""
    page = firm.post("/client/recording.search", {"pageSize": 1000})["recordings"]
    held = {one["interactionId"]: [hold["id"] for hold in one["legalHolds"]] for one in page}
    some = [*held][::300]
    for detail in firm.post("/client/recording.detail.get", {"interactionIds": some}):
        shown = [hold["id"] for hold in detail["metadata"]["retention"]["legalHolds"]]
        assert shown == held[detail["interactionId"]]
    return list(held.values())


def test_a_hold_of_all_counts_at_once_and_is_written_by_a_job(firm: Firm, positions: list[int]) -> None:
    hold_id, job_id = held_by_all(firm)
    assert count(firm, legal_hold_recordings) == 0
    assert shown_holds(firm) == [[hold_id]] * 1000
    found = firm.call("POST", "/client/recording.search", {"legalHoldId": hold_id})
    assert found.headers["X-Pending"] == str(job_id)
    for path in (f"{HOLD}/{hold_id}/recording", f"{HOLD}/{hold_id}", HOLD):
        assert firm.call("GET", path).headers["X-Pending"] == str(job_id)
    renamed = firm.call("PUT", f"{HOLD}/{hold_id}", {"name": "Enquiry 15"})
    assert renamed.headers["X-Pending"] == str(job_id)
    for words in (
        ("hold", "show", "1234567", str(hold_id)),
        ("search", "1234567", f'{{"legalHoldId": {hold_id}}}'),
    ):
        assert f"Job {job_id} of the account is not through" in run(firm.settings, *words).stderr
    assert job(firm, job_id) | {"state": "queued", "done": 0, "total": MANY} == job(firm, job_id)
    refused = run(firm.settings, "key", "destroy", "1234567", "1", "--yes")
    assert "nothing is destroyed" in refused.stderr + refused.stdout

    do_one_batch(firm)
    assert count(firm, legal_hold_recordings) == SIZE
    assert shown_holds(firm) == [[hold_id]] * 1000
    firm.work()
    assert shown_holds(firm) == [[hold_id]] * 1000
    found = firm.call("POST", "/client/recording.search", {"legalHoldId": hold_id})
    assert ("X-Pending" in found.headers, found.json()["total"]) == (False, MANY)
    assert job(firm, job_id) | {"state": "done", "done": MANY} == job(firm, job_id)
    assert count(firm, account_job_positions) == 0


def test_all_batches_are_one_action_in_the_ledger(firm: Firm, positions: list[int]) -> None:
    hold_id, _ = held_by_all(firm)
    firm.work()
    firm.call("DELETE", f"{HOLD}/{hold_id}")
    firm.work()
    told = told_of_recordings(firm)
    hold = {"id": hold_id, "name": "Enquiry 14"}
    placed, ended = told[0][0], told[-1][0]
    ids = range(1, MANY + 1)
    assert told == [
        *((placed, one, {"legalHold": hold, "change": "added"}) for one in ids),
        *((ended, one, {"legalHold": hold, "change": "removed"}) for one in ids),
    ]
    log = firm.post("/client/recording/audit", {"recordingId": 7})
    assert [(row["route"], row["responseCode"]) for row in log] == [
        (SELECTION, 202),
        (f"{HOLD}/{{id}}", 200),
    ]


def test_a_hold_of_many_ends_at_once_and_its_list_is_emptied_by_a_job(
    firm: Firm, positions: list[int]
) -> None:
    hold_id, _ = held_by_all(firm)
    firm.work()
    ended = firm.call("DELETE", f"{HOLD}/{hold_id}")
    assert (ended.status_code, ended.json()) == (200, {"id": hold_id})
    assert count(firm, legal_hold_recordings) == MANY
    assert shown_holds(firm) == [[]] * 1000
    assert firm.search(legalHoldId=hold_id) == []
    assert firm.get(HOLD) == []
    assert firm.call("DELETE", f"{HOLD}/{hold_id}").status_code == 404
    pending = int(ended.headers["X-Pending"])
    do_one_batch(firm)
    assert count(firm, legal_hold_recordings) == MANY - SIZE
    firm.work()
    assert count(firm, legal_hold_recordings) == 0
    assert job(firm, pending) | {"kind": "emptying", "state": "done", "total": MANY} == job(firm, pending)


def test_a_hold_that_ends_while_it_is_placed_holds_nothing(firm: Firm, positions: list[int]) -> None:
    hold_id, job_id = held_by_all(firm)
    do_one_batch(firm)
    firm.call("DELETE", f"{HOLD}/{hold_id}")
    assert shown_holds(firm) == [[]] * 1000
    firm.work()
    assert count(firm, legal_hold_recordings) == 0
    assert job(firm, job_id)["error"] == f"The legal hold {hold_id} ended before all were in it."


def test_a_rename_and_its_answer_do_not_touch_or_list_many_members(firm: Firm, positions: list[int]) -> None:
    hold_id, _ = held_by_all(firm)
    firm.work()
    renamed = firm.call("PUT", f"{HOLD}/{hold_id}", {"name": "Enquiry 15"})
    assert renamed.json() == firm.get(f"{HOLD}/{hold_id}")
    assert "X-Pending" not in renamed.headers
    shown = renamed.json()
    assert (shown["name"], shown["total"], shown["interactionIds"]) == ("Enquiry 15", MANY, None)
    assert firm.get(HOLD)[0]["total"] == MANY


def test_a_list_that_replaces_many_takes_out_the_others_by_a_job(firm: Firm, positions: list[int]) -> None:
    hold_id, _ = held_by_all(firm)
    busy = firm.call("PUT", f"{HOLD}/{hold_id}", {"interactionIds": [3]})
    assert busy.status_code == 409
    firm.work()
    replaced = firm.call("PUT", f"{HOLD}/{hold_id}", {"interactionIds": [3, 1100]})
    assert replaced.headers["X-Pending"]
    as_it_will_be = shown_holds(firm)
    assert as_it_will_be.count([hold_id]) == 1
    do_one_batch(firm)
    assert shown_holds(firm) == as_it_will_be
    firm.work()
    assert firm.get(f"{HOLD}/{hold_id}")["interactionIds"] == [3, 1100]
    assert told_of_recordings(firm)[-1][1:] == (
        MANY,
        {"legalHold": {"id": hold_id, "name": "Enquiry 14"}, "change": "removed"},
    )
    assert shown_holds(firm) == as_it_will_be


def test_some_are_added_and_removed_beside_many(firm: Firm, positions: list[int]) -> None:
    hold_id, _ = held_by_all(firm)
    taking = {"removeInteractionIds": [1, 2]}
    assert firm.call("PUT", f"{HOLD}/{hold_id}", taking).status_code == 409  # a job still puts them in
    firm.work()
    assert firm.call("PUT", f"{HOLD}/{hold_id}", taking).json()["total"] == MANY - 2
    assert firm.call("PUT", f"{HOLD}/{hold_id}", {"addInteractionIds": [2]}).json()["total"] == MANY - 1
    both = {"interactionIds": [1], "addInteractionIds": [2]}
    assert firm.call("PUT", f"{HOLD}/{hold_id}", both).json()["errors"][0]["path"] == "interactionIds"


def test_tags_of_many_are_changed_and_their_words_indexed_by_jobs(firm: Firm, positions: list[int]) -> None:
    gold = firm.post("/admin/tag", {"tag": "Gold"})["id"]
    firm.call("PUT", "/client/recording/tags", {"recordingId": 5, "tags": ["Old", "Gold"]})
    job_id = select_(firm, addTags=["gold", "Silver"], removeTags=["Old"])
    assert firm.search(tagIds={"include": [gold]}) == ["many-4"]
    do_one_batch(firm)
    assert count(firm, jobs) == SIZE  # queued with the batch, not all at once
    do_all_batches(firm)
    assert job(firm, job_id)["done"] == MANY
    assert count(firm, recording_tags) == 2 * MANY
    assert count(firm, jobs) == MANY
    with firm.archive.write() as connection:  # to index all of them would take most of a test's time
        connection.execute(delete(jobs).where(jobs.c.position.not_in(positions[:9])))
    firm.work()
    assert len(firm.search(freeText="silver", pageSize=1000)) == 9
    [fifth] = firm.post("/client/recording.search", {"recordingIds": {"include": [5]}})["recordings"]
    assert fifth["tags"] == ["Gold", "Silver"]
    log = firm.post("/client/recording/audit", {"recordingId": 5})
    assert log[-1]["metadata"] == {"tags": ["Gold", "Silver"]}


def test_short_changes_wait_for_a_job_that_does_the_opposite(firm: Firm, positions: list[int]) -> None:
    select_(firm, addTags=["Gold"])
    response = firm.call("POST", SELECTION, {"interactionIds": [1, 2], "removeTags": ["Gold"]})
    later = response.json()["jobId"]
    none = firm.call("POST", SELECTION, {"filters": {"isPrivate": True}, "removeTags": ["Gold"]})
    assert (none.json()["total"], "X-Pending" in none.headers) == (0, False)
    assert response.headers["X-Pending"] == str(later)
    do_all_batches(firm)
    assert count(firm, recording_tags) == MANY - 2
    assert job(firm, later)["state"] == "done"


def test_very_many_tags_of_a_thousand_recordings_are_changed_by_a_job(
    firm: Firm, positions: list[int]
) -> None:
    """A thousand recordings with a hundred tags each are as much to write as a hundred thousand with one."""
    ids = list(range(1, 1001))
    some = firm.call("POST", SELECTION, {"interactionIds": ids, "addTags": ["Gold", "Silver"]})
    assert "X-Pending" not in some.headers
    many = [f"Tag {number}" for number in range(100)]
    ordered = firm.call("POST", SELECTION, {"interactionIds": ids, "addTags": many})
    assert ordered.headers["X-Pending"] == str(ordered.json()["jobId"])
    do_all_batches(firm)
    assert count(firm, recording_tags) == 1000 * 102


def test_a_tag_is_not_deleted_while_a_job_still_adds_it(firm: Firm, positions: list[int]) -> None:
    select_(firm, addTags=["Gold"])
    [gold] = firm.get("/admin/tag")
    refused = firm.call("DELETE", f"/admin/tag/{gold['id']}")
    assert (refused.status_code, "A job" in refused.json()["detail"]) == (409, True)
    do_all_batches(firm)
    assert count(firm, recording_tags) == MANY


def test_a_change_waits_for_the_opposite_one_even_if_that_failed_for_good(
    firm: Firm, positions: list[int]
) -> None:
    failed = select_(firm, addTags=["Gold"])
    go_on(firm)

    def fail(*_: Any) -> None:
        raise ValueError

    failing = {"selection": replace(ACCOUNT_WORK["selection"], write=fail)}
    while job(firm, failed)["state"] != "failed":
        with firm.archive.write() as connection:
            connection.execute(update(rows).values(run_at=0))
        go_on(firm, work=failing)
    later = select_(firm, removeTags=["Gold"])
    do_all_batches(firm)
    assert (job(firm, failed)["state"], job(firm, later)["state"]) == ("failed", "queued")
    run(firm.settings, "jobs", "retry", "1234567")
    do_all_batches(firm)
    assert (job(firm, failed)["state"], job(firm, later)["state"]) == ("done", "done")
    assert count(firm, recording_tags) == 0


def test_a_playlist_takes_many_and_each_recording_once(firm: Firm, positions: list[int]) -> None:
    playlist_id = firm.post(PLAYLIST, {"name": "All", "interactionIds": [4, 9]})["id"]
    select_(firm, playlistId=playlist_id)
    select_(firm, playlistId=playlist_id)
    firm.work()
    assert count(firm, playlist_recordings) == MANY
    assert len(told_of_recordings(firm)) == MANY  # two by the first call, the others by the first job


@pytest.mark.parametrize("kind", ["selection", "emptying"])
def test_another_writer_gets_its_turn_between_any_two_batches(
    firm: Firm, positions: list[int], kind: str
) -> None:
    hold_id, _ = held_by_all(firm)
    if kind == "emptying":
        firm.work()
        firm.call("DELETE", f"{HOLD}/{hold_id}")
    written: list[int] = []

    def write(connection: Any, of: Any, positions: Any) -> None:
        written.append(len(positions))
        ACCOUNT_WORK[of.kind].write(connection, of, positions)

    counted = {name: replace(row, write=write) for name, row in ACCOUNT_WORK.items()}
    turns = 0
    while go_on(firm, work=counted, size=100) is not None:
        add_people(firm, 1)  # waits for whoever holds the account
        turns += 1
    assert sum(written) == MANY
    assert max(written) <= 100
    assert turns >= MANY // 100


@pytest.mark.parametrize("kind", ["selection", "emptying"])
def test_a_killed_worker_leaves_whole_batches_and_another_goes_on(
    firm: Firm, positions: list[int], kind: str
) -> None:
    hold_id, job_id = held_by_all(firm)
    if kind == "emptying":
        firm.work()
        job_id = int(firm.call("DELETE", f"{HOLD}/{hold_id}").headers["X-Pending"])
    before = len(told_of_recordings(firm))

    def killed(connection: Any, of: Any, positions: Any) -> None:
        ACCOUNT_WORK[of.kind].write(connection, of, positions)
        raise SystemExit  # nothing that catches errors catches this

    go_on(firm, "one")
    with pytest.raises(SystemExit):
        go_on(firm, "one", {name: replace(row, write=killed) for name, row in ACCOUNT_WORK.items()})
    there = count(firm, legal_hold_recordings)
    assert there == (SIZE if kind == "selection" else MANY - SIZE)
    assert len(told_of_recordings(firm)) == before + SIZE
    with firm.archive.write() as connection:
        connection.execute(update(rows).values(leased_until=now_ms() - 1))
    firm.work()
    assert count(firm, legal_hold_recordings) == (MANY if kind == "selection" else 0)
    assert len(told_of_recordings(firm)) == before + MANY
    assert job(firm, job_id)["state"] == "done"


def test_recordings_that_are_gone_by_their_turn_are_counted(firm: Firm, positions: list[int]) -> None:
    _, job_id = held_by_all(firm)
    with firm.archive.write() as connection:
        for table in (recording_endpoints, recordings):
            connection.execute(delete(table).where(table.c.position.in_(positions[600:603])))
    firm.work()
    assert count(firm, legal_hold_recordings) == MANY - 3
    shown = job(firm, job_id)
    assert (shown["state"], shown["done"]) == ("done", MANY)
    assert shown["error"] == "Deleted before their turn: 3 recordings."


def test_members_are_paged_by_their_start(firm: Firm, positions: list[int]) -> None:
    hold_id, _ = held_by_all(firm)
    firm.work()
    path = f"{HOLD}/{hold_id}/recording"
    pages = [firm.call("GET", path, params={"page": page, "pageSize": 500}) for page in (1, 2, 3, 4)]
    assert {page.headers["X-Total-Count"] for page in pages} == {str(MANY)}
    listed = [[one["interactionId"] for one in page.json()] for page in pages]
    assert [len(one) for one in listed] == [500, 500, 200, 0]
    assert [one for page in listed for one in page] == list(range(1, MANY + 1))
    assert len(firm.get(path)) == 100
    assert firm.call("GET", f"{HOLD}/999/recording").status_code == 404


def test_a_job_tells_nobody_how_many_recordings_they_may_not_see(firm: Firm, positions: list[int]) -> None:
    hold_id, placed = held_by_all(firm)
    firm.work()
    with firm.archive.write() as connection:
        hidden = recordings.c.position.in_(positions[:200])
        connection.execute(update(recordings).where(hidden).values(is_private=True))
    firm.add_user("limited", [Right.LEGAL_HOLD_EDIT, Right.ACCOUNT_VIEW])
    ended = firm.call("DELETE", f"{HOLD}/{hold_id}", as_user="limited").headers["X-Pending"]
    for state, percent in (("queued", 0), ("done", 100)):
        shown = firm.get(f"/client/job/{ended}", as_user="limited")
        assert (shown["state"], shown["done"], shown["total"]) == (state, percent, 100)
        firm.work()
    assert job(firm, int(ended))["total"] == MANY
    assert firm.get(f"/client/job/{placed}", as_user="limited")["total"] == 100  # another user's selection
