"""Each day a thirtieth of the ledger and of the media is checked; the result is an action of the ledger."""

from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from earwitness.archive.jobs.daily_checks import DAY_MS, DAYS
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.vault import media_objects
from earwitness.archive.schema.work import audit_headers, audit_rows, daily_checks
from earwitness.http.monitoring.archive_metrics import ArchiveCollector
from earwitness.kernel.clock import now_ms
from tests.archive.ledger.checking.guarded_firm import Guarded, guarded, log_all, verify
from tests.cli.running import run, run_json
from tests.firm import CLIENT_ID, Firm


@pytest.fixture
def known(firm: Firm) -> Guarded:
    known = guarded(firm)
    firm.work()
    return known


def a_day_later(firm: Firm) -> None:
    """Let both checks be due, and do them."""
    with firm.archive.write() as connection:
        connection.execute(delete(daily_checks).where(daily_checks.c.due_at == 0))
        there = set(connection.scalars(select(daily_checks.c.kind)))
        connection.execute(update(daily_checks).values(due_at=0))
        for kind in {"ledger", "media"} - there:
            connection.execute(insert(daily_checks).values(kind=kind, due_at=0, cursors={}))
    firm.work()


def results(firm: Firm) -> list[dict[str, Any]]:
    """What the ledger says of daily checks."""
    with firm.archive.read() as connection:
        said = (
            select(audit_rows.c.metadata)
            .join(audit_headers, audit_headers.c.id == audit_rows.c.audit_header_id)
            .where(audit_headers.c.method == "CHECK", audit_headers.c.username == "earwitness")
            .order_by(audit_rows.c.id)
        )
        return [dict(one) for one in connection.scalars(said)]


def test_nothing_is_checked_on_the_first_day(known: Guarded) -> None:
    assert results(known.firm) == []


def test_the_result_is_an_action_of_the_ledger_and_in_the_status(known: Guarded) -> None:
    a_day_later(known.firm)
    by_kind = {one["kind"]: one for one in results(known.firm)}
    assert by_kind.keys() == {"ledger", "media"}
    assert all(one["checked"] > 0 and one["differing"] == 0 for one in by_kind.values())
    (shown,) = run_json(known.firm.settings, "status", CLIENT_ID)["accounts"]
    assert {kind: one["differing"] for kind, one in shown["ledger"]["checks"].items()} == {
        "ledger": 0,
        "media": 0,
    }
    assert "nothing differs" in run(known.firm.settings, "status", CLIENT_ID).stdout
    log_all(known.firm)
    assert verify(known.firm, exit_code=0) == []


def test_the_next_check_is_due_a_day_later(known: Guarded) -> None:
    a_day_later(known.firm)
    known.firm.work()
    assert len(results(known.firm)) == 2
    with known.firm.archive.read() as connection:
        for due_at in connection.scalars(select(daily_checks.c.due_at)):
            assert abs(due_at - now_ms() - DAY_MS) < DAY_MS / 2


def test_in_a_month_all_is_checked(known: Guarded) -> None:
    with known.firm.archive.write() as connection:
        this = recordings.c.interaction_id == known.silent
        connection.execute(update(recordings).where(this).values(direction="Out"))
        stored = connection.scalars(select(media_objects.c.id).order_by(media_objects.c.id)).all()
        connection.execute(
            update(media_objects).where(media_objects.c.id == stored[-1]).values(stored_bytes=1)
        )
    for _ in range(DAYS):
        a_day_later(known.firm)
    found = [
        (one["kind"], difference["name"], difference["id"], difference["field"])
        for one in results(known.firm)
        for difference in one["differences"]
    ]
    assert ("ledger", "Recording", known.silent, "source") in found
    assert any(kind == "media" for kind, *_ in found)


def test_what_differs_is_in_the_status_with_the_command_that_names_it(known: Guarded) -> None:
    with known.firm.archive.write() as connection:
        connection.execute(update(media_objects).values(stored_bytes=1))
    a_day_later(known.firm)
    shown = run(known.firm.settings, "status", CLIENT_ID).stdout
    assert f"`earwitness verify {CLIENT_ID}` names all that do." in shown
    metrics = ArchiveCollector(known.firm.app.state.installation.accounts).collect()
    (differing,) = [one for one in metrics if one.name == "earwitness_check_differences"]
    assert [one.value for one in differing.samples] == [1]


def test_a_check_of_a_worker_that_died_goes_on(known: Guarded) -> None:
    with known.firm.archive.write() as connection:
        lease = {"leased_by": "a dead worker", "leased_until": now_ms() - 1}
        connection.execute(
            insert(daily_checks).values(
                kind="media",
                due_at=0,
                cursors={"objects": 1},
                progress={"left": {"objects": 1}, "checked": 4, "differing": 0, "differences": []},
                **lease,
            )
        )
        connection.execute(insert(daily_checks).values(kind="ledger", due_at=now_ms() + DAY_MS, cursors={}))
    known.firm.work()
    (said,) = results(known.firm)
    assert (said["kind"], said["checked"]) == ("media", 5)
