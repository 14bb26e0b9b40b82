"""Changes of retention that concern many recordings are done by jobs of the account, on both databases."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select, update

from earwitness.archive.jobs import account_jobs
from earwitness.archive.jobs.account_jobs import AccountJob
from earwitness.archive.recordings import retention_changes
from earwitness.archive.recordings.retention import Durations, rules_of
from earwitness.archive.schema.people import people, retention_groups
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.work import account_jobs as rows
from earwitness.archive.schema.work import audit_headers
from earwitness.archive.upkeep import account_work
from earwitness.archive.upkeep.account_work import ACCOUNT_WORK, Pace
from earwitness.cli.calling import operator
from earwitness.kernel.clock import MS_PER_DAY, now_ms
from earwitness.kernel.errors import OutOfDate
from earwitness.kernel.rights import Right
from tests.cli.running import run, run_json
from tests.firm import CLIENT_ID, Firm, endpoint, person
from tests.many_recordings import FIRST_START, add_people, add_recordings

GROUPS = "/admin/retentionGroup"
MANY = 450
SIZE = 100


@pytest.fixture
def group(firm: Firm) -> int:
    """The group of two people with many recordings, which are kept for 100 days."""
    ann, bob = add_people(firm, 2)
    group_id = int(
        firm.post(GROUPS, {"name": "G", "retentionGroup": {"default": 100}, "peopleIds": [ann, bob]})["id"]
    )
    add_recordings(firm, [ann, bob], MANY, retention_group_id=group_id)
    with firm.archive.write() as connection:
        ended = recordings.c.ended_at
        connection.execute(update(recordings).values(retain_until=ended + 100 * MS_PER_DAY))
    return group_id


def set_days(firm: Firm, group_id: int, days: int) -> int:
    """Set the days of a group. Returns the id of the job that is pending."""
    response = firm.call("PUT", f"{GROUPS}/{group_id}", {"retentionGroup": {"default": days}})
    assert response.status_code == 200, response.text
    return int(response.headers["X-Pending"])


def stored_days(firm: Firm) -> dict[int, int]:
    """How many recordings are stored as kept for so many days."""
    days = (recordings.c.retain_until - recordings.c.ended_at) / MS_PER_DAY
    with firm.archive.read() as connection:
        rows = connection.execute(select(days, func.count()).group_by(days))
        return {int(row[0]): row[1] for row in rows}


def shown(firm: Firm) -> list[tuple[int | None, str | None]]:
    """The groups and ends of retention, as search and details show them."""
    page = firm.post("/client/recording.search", {"pageSize": 1000})["recordings"]
    listed = {one["interactionId"]: (one["retentionGroupId"], one["retainUntil"]) for one in page}
    some = [*listed][:7]
    for detail in firm.post("/client/recording.detail.get", {"interactionIds": some}):
        kept = detail["metadata"]["retention"]
        assert (kept["retentionGroupId"], kept["retainUntil"]) == listed[detail["interactionId"]]
    return list(listed.values())


def job(firm: Firm, job_id: int) -> dict[str, Any]:
    return dict(firm.get(f"/client/job/{job_id}"))


def go_on(firm: Firm, worker: str = "one", work: Any = ACCOUNT_WORK) -> int | None:
    return account_work.go_on(firm.archive, worker, Pace({"retention": SIZE}), work)


def do_one_batch(firm: Firm) -> None:
    """Do a batch, and leave the rest to any worker at once."""
    go_on(firm, "one")
    account_work.give_back(firm.archive, "one")


def test_a_change_counts_at_once_and_is_written_by_a_job(firm: Firm, group: int) -> None:
    job_id = set_days(firm, group, 200)
    assert stored_days(firm) == {100: MANY}
    assert job(firm, job_id) == {
        "id": job_id,
        "kind": "retention",
        "state": "queued",
        "done": 0,
        "total": MANY,
        "error": None,
    }
    while_pending = shown(firm)
    assert {one[0] for one in while_pending} == {group}
    firm.work()
    assert stored_days(firm) == {200: MANY}
    assert shown(firm) == while_pending
    assert job(firm, job_id) | {"id": 0} == {
        "id": 0,
        "kind": "retention",
        "state": "done",
        "done": MANY,
        "total": MANY,
        "error": None,
    }


def test_another_writer_gets_its_turn_between_any_two_batches(firm: Firm, group: int) -> None:
    """Each write of a job has few recordings, and holds nothing when it is over."""
    before = set_days(firm, group, 200)
    written: list[int] = []

    def write(connection: Any, of: AccountJob, positions: Any) -> None:
        written.append(len(positions))
        ACCOUNT_WORK["retention"].write(connection, of, positions)

    counted = {"retention": replace(ACCOUNT_WORK["retention"], write=write)}
    turns = 0
    while go_on(firm, work=counted) is not None:
        add_people(firm, 1)  # waits for whoever holds the account
        turns += 1
    assert sum(written) == MANY
    assert max(written) <= SIZE
    assert turns >= MANY // SIZE
    assert job(firm, before)["state"] == "done"


def test_a_change_that_changes_nothing_writes_nothing(firm: Firm, group: int) -> None:
    for body in ({"retentionGroup": {"default": 100}}, {"name": "H"}):
        response = firm.call("PUT", f"{GROUPS}/{group}", body)
        assert response.status_code == 200
        assert "X-Pending" not in response.headers
    with firm.archive.read() as connection:
        assert account_jobs.listed(connection, done=True) == []


def test_two_changes_are_done_in_their_order_and_the_last_one_counts(firm: Firm, group: int) -> None:
    first, second = set_days(firm, group, 200), set_days(firm, group, 300)
    assert first < second
    while_pending = shown(firm)
    do_one_batch(firm)
    assert (job(firm, first)["state"], job(firm, second)["state"]) == ("running", "queued")
    firm.work()
    assert stored_days(firm) == {300: MANY}
    assert shown(firm) == while_pending
    assert job(firm, second)["state"] == "done"


def test_a_change_is_judged_as_if_what_is_queued_were_done(firm: Firm, group: int) -> None:
    set_days(firm, group, 300)
    do_one_batch(firm)
    before = firm.get(GROUPS)
    person_id = before["retentionGroups"][0]["peopleIds"][0]
    shorter: list[tuple[str, str, Any]] = [
        ("PUT", f"{GROUPS}/{group}", {"retentionGroup": {"default": 200}}),
        ("POST", GROUPS, {"name": "H", "retentionGroup": {"default": 200}, "peopleIds": [person_id]}),
    ]
    other = firm.post(GROUPS, {"name": "Short", "retentionGroup": {"default": 200}})["id"]
    shorter.append(("PUT", f"/admin/person/{person_id}", {"retentionGroupId": other}))
    for method, path, body in shorter:
        response = firm.call(method, path, body)
        assert (response.status_code, response.json()["code"]) == (409, "retention-shortened"), path
    firm.call("DELETE", f"{GROUPS}/{other}")
    assert firm.get(GROUPS) == before
    firm.work()
    assert stored_days(firm) == {300: MANY}


def test_people_who_move_and_a_group_that_is_deleted_take_their_recordings_along(
    firm: Firm, group: int
) -> None:
    ann = firm.get(GROUPS)["retentionGroups"][0]["peopleIds"][0]
    other = firm.post(GROUPS, {"name": "Long", "retentionGroup": {"default": 500}})["id"]
    moved = firm.call("PUT", f"/admin/person/{ann}", {"retentionGroupId": other})
    assert moved.headers["X-Pending"]
    assert moved.json()["retentionGroupId"] == other
    half = MANY // 2
    pending = shown(firm)
    firm.work()
    assert shown(firm) == pending
    assert stored_days(firm) == {100: half, 500: half}
    assert firm.call("DELETE", f"{GROUPS}/{other}").headers["X-Pending"]  # to the default: for ever
    assert sum(end is None for _, end in shown(firm)) == half
    firm.work()
    with firm.archive.read() as connection:
        forever = select(func.count()).where(recordings.c.retain_until.is_(None))
        assert connection.scalar(forever) == half


def test_a_recording_that_arrives_while_a_job_goes_on_is_kept_by_the_new_rules(
    firm: Firm, group: int
) -> None:
    ann = firm.get(GROUPS)["retentionGroups"][0]["peopleIds"][0]
    firm.call("PUT", f"/admin/person/{ann}", {"thirdPartyId": "ann"})
    set_days(firm, group, 200)
    do_one_batch(firm)
    subject = endpoint("447896000", subject=True, person=person("Ann", thirdPartyId="ann"))
    early = "2026-05-12T10:31:30Z"  # before what the job has written already
    firm.ingest(thirdPartyId="amid", startDatetimeUTC=early, endpoints=[subject])
    firm.work()
    assert stored_days(firm) == {200: MANY + 1}


def test_a_killed_worker_leaves_whole_batches_and_another_goes_on(firm: Firm, group: int) -> None:
    job_id = set_days(firm, group, 200)

    def killed(*_: Any) -> None:
        raise SystemExit  # nothing that catches errors catches this

    go_on(firm, "one")
    with pytest.raises(SystemExit):
        go_on(firm, "one", {"retention": replace(ACCOUNT_WORK["retention"], write=killed)})
    assert stored_days(firm) == {100: MANY - SIZE, 200: SIZE}
    go_on(firm, "two")
    assert stored_days(firm)[200] == SIZE
    with firm.archive.write() as connection:
        connection.execute(update(rows).values(leased_until=now_ms() - 1))
    go_on(firm, "two")
    assert stored_days(firm)[200] == 2 * SIZE
    assert job(firm, job_id)["done"] == 2 * SIZE
    with firm.archive.write() as connection:
        account_jobs.give_back(connection, "two")
    firm.work()
    assert stored_days(firm) == {200: MANY}


def test_a_job_that_fails_for_good_says_so_and_goes_on_when_it_is_retried(firm: Firm, group: int) -> None:
    job_id = set_days(firm, group, 200)
    do_one_batch(firm)

    def fail(*_: Any) -> None:
        raise ValueError("what was said in a recording")

    failing = {"retention": replace(ACCOUNT_WORK["retention"], write=fail)}
    while job(firm, job_id)["state"] != "failed":
        with firm.archive.write() as connection:
            connection.execute(update(rows).values(run_at=0))
        go_on(firm, work=failing)
    assert job(firm, job_id)["error"] == "Its batch failed: ValueError."
    assert firm.call("PUT", f"{GROUPS}/{group}", {"name": "H"}).headers["X-Pending"] == str(job_id)
    told = run(firm.settings, "status", "--fresh").stdout
    assert "1 of its own jobs failed" in told
    assert {end for _, end in shown(firm)} != {None}

    listed = next(one for one in run_json(firm.settings, "jobs", "list", "1234567") if "accountJob" in one)
    assert (listed["accountJob"], listed["state"]) == (job_id, "failed")
    assert run_json(firm.settings, "jobs", "retry", "1234567") == {"queued": 1}
    firm.work()
    assert stored_days(firm) == {200: MANY}
    ended = job(firm, job_id)
    assert (ended["state"], ended["error"]) == ("done", None)


def test_a_job_whose_batch_failed_once_tells_it_until_the_next_batch(firm: Firm, group: int) -> None:
    job_id = set_days(firm, group, 200)

    def fail(*_: Any) -> None:
        raise ValueError

    go_on(firm, work={"retention": replace(ACCOUNT_WORK["retention"], write=fail)})
    assert job(firm, job_id)["error"] == "Its batch failed: ValueError."
    with firm.archive.write() as connection:
        connection.execute(update(rows).values(run_at=0))
    go_on(firm)
    assert (job(firm, job_id)["state"], job(firm, job_id)["error"]) == ("running", None)


def test_nothing_is_destroyed_while_a_job_is_pending(firm: Firm, group: int) -> None:
    set_days(firm, group, 200)
    refused = run(firm.settings, "key", "destroy", "1234567", "1", "--yes")
    assert "is not through; until then nothing is destroyed" in refused.stderr + refused.stdout
    firm.work()
    refused = run(firm.settings, "key", "destroy", "1234567", "1", "--yes")
    assert "has no media" in refused.stderr + refused.stdout


def test_a_job_is_shown_to_whoever_ordered_it_and_to_viewers_of_the_account(firm: Firm, group: int) -> None:
    firm.add_user("orders", [Right.RETENTION_GROUP_EDIT])
    firm.add_user("other", [Right.RETENTION_GROUP_EDIT])
    firm.add_user("views", [Right.ACCOUNT_VIEW])
    firm.add_user("neither", [Right.RECORDING_VIEW])
    body = {"retentionGroup": {"default": 200}}
    ordered = firm.call("PUT", f"{GROUPS}/{group}", body, as_user="orders").headers["X-Pending"]
    path = f"/client/job/{ordered}"
    answers = {
        name: firm.call("GET", path, as_user=name).status_code
        for name in ("orders", "other", "views", "neither")
    }
    assert answers == {"orders": 200, "other": 404, "views": 200, "neither": 403}
    assert firm.call("GET", "/client/job/999").status_code == 404


def test_what_was_judged_is_out_of_date_when_the_rules_have_changed(firm: Firm, group: int) -> None:
    with firm.archive.read() as connection:
        before = rules_of(connection)
        after = replace(before, groups={group: {"default": 200}})
        members = connection.scalars(select(people.c.id).where(people.c.retention_group_id == group)).all()
        judged = retention_changes.judge(connection, before, after, members)
    set_days(firm, group, 300)
    with firm.archive.write() as connection, pytest.raises(OutOfDate):
        retention_changes.begin(connection, judged)


def test_a_recording_that_arrived_after_the_judgement_is_not_kept_shorter(firm: Firm, group: int) -> None:
    """No recording that is there would be kept shorter, but one that arrives before the rules change."""
    sms: Durations = {"default": 100, "sms": 1}
    with firm.archive.read() as connection:
        before = rules_of(connection)
        after = replace(before, groups={group: sms})
        members = connection.scalars(select(people.c.id).where(people.c.retention_group_id == group)).all()
        judged = retention_changes.judge(connection, before, after, members)
    kept = {"retention_group_id": group, "retain_until": FIRST_START + 100 * MS_PER_DAY}
    add_recordings(firm, list(members), 1, type="sms", **kept)

    def change() -> None:
        with firm.archive.write() as connection:
            retention_changes.begin(connection, judged)
            this = retention_groups.c.id == group
            connection.execute(update(retention_groups).where(this).values(retention_group=sms))
            retention_changes.finish(connection, judged, lambda *_, **__: 0, [])

    with pytest.raises(OutOfDate):
        change()
    assert firm.call("PUT", f"{GROUPS}/{group}", {"retentionGroup": sms}).status_code == 409


def test_the_ledger_has_the_order_and_what_its_job_does(firm: Firm, group: int) -> None:
    with firm.archive.read() as connection:
        before = connection.scalar(select(func.count()).select_from(audit_headers))
    job_id = set_days(firm, group, 200)
    firm.work()
    with firm.archive.read() as connection:
        headers = connection.execute(select(audit_headers).order_by(audit_headers.c.id)).all()
        ordered = account_jobs.get(connection, job_id)
    assert before is not None
    assert len(headers) == before + 2
    order, end = headers[-2:]
    assert ordered is not None
    assert (ordered.audit_header_id, end.ordered_by_header_id) == (end.id, order.id)


def test_what_is_shown_while_jobs_are_pending_is_what_they_will_write(firm: Firm, group: int) -> None:
    """A recording that no pending job may shorten is shown as it is stored, whatever other jobs may do."""
    shorter = {"retention_group": {"default": 50}}
    with firm.archive.write() as connection:
        ann, bob = connection.scalars(select(people.c.id).order_by(people.c.id)).all()
        connection.execute(update(retention_groups).values(shorter))
        for person_id, may in ((ann, True), (bob, False)):
            what = {"people": [person_id], "mayShorten": may}
            account_jobs.order(connection, "retention", what, total=MANY, viewer=operator(CLIENT_ID))
    do_one_batch(firm)
    before = shown(firm)
    assert len(set(before)) > MANY // 2  # the ends of all differ, as their starts do
    firm.work()
    assert stored_days(firm) == {50: MANY // 2, 100: MANY // 2}
    assert shown(firm) == before


def test_a_job_begins_with_few_recordings_however_many_the_one_before_had(firm: Firm, group: int) -> None:
    with firm.archive.write() as connection:
        what = {"people": None, "mayShorten": False}
        ids = [
            account_jobs.order(connection, "retention", what, total=MANY, viewer=operator(CLIENT_ID))
            for _ in range(2)
        ]
        one, other = (account_jobs.get(connection, job_id) for job_id in ids)
    assert one is not None
    assert other is not None
    pace = Pace()
    first = pace.size(CLIENT_ID, one)
    for _ in range(10):
        pace.learn(CLIENT_ID, one, pace.size(CLIENT_ID, one), seconds=0.001)
    assert pace.size(CLIENT_ID, one) > 10 * first
    assert pace.size(CLIENT_ID, other) == first
