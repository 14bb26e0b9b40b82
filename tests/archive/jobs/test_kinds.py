"""Every kind of job has its row, is documented, and is done."""

import re
from pathlib import Path
from typing import get_args

import pytest
from sqlalchemy import select

from earwitness.archive.jobs import queue
from earwitness.archive.jobs.account_job_kinds import ACCOUNT_JOB_KINDS
from earwitness.archive.jobs.kinds import JOB_KINDS, JobKind, StepName
from earwitness.archive.schema.recordings import recordings
from earwitness.ingest.steps.run import STEPS
from earwitness.kernel.settings import Settings
from tests.firm import Firm, tone

DOCUMENT = Path(__file__).parents[3] / "docs" / "jobs.md"
ROW = re.compile(r"^\| `(\w+)` \| (.*) \| (.*) \| `?(\w+)`?(?: \((\d+)\))? \|$", re.MULTILINE)

KINDS = get_args(JobKind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_of_every_kind_is_done(firm: Firm, kind: JobKind) -> None:
    firm.ingest(tone(0.1))
    firm.work()
    with firm.archive.write() as connection:
        queue.add(connection, kind, connection.execute(select(recordings.c.position)).scalar_one())
    assert firm.jobs() == {"done": 1, "queued": 1}
    firm.work()
    assert firm.jobs() == {"done": 2}


def test_every_step_is_done_by_some_kind_of_job_in_the_order_of_the_list_of_steps() -> None:
    order = [step.name for step in STEPS]
    assert set(order) == set(get_args(StepName)) == {name for row in JOB_KINDS.values() for name in row.steps}
    for row in JOB_KINDS.values():
        assert list(row.steps) == sorted(row.steps, key=order.index)


def test_the_document_has_the_row_of_every_kind_with_its_setting() -> None:
    documented = {kind: rest for kind, *rest in ROW.findall(DOCUMENT.read_text())}
    assert list(documented) == list(JOB_KINDS)
    for kind, row in JOB_KINDS.items():
        does, queued, at_once, default = documented[kind]
        assert (does, queued) == (row.does, row.queued)
        assert row.at_once(Settings()) == int(default or at_once)
        if default:
            assert row.at_once(Settings.from_environment({at_once: "7"})) == 7


def test_the_document_names_every_step() -> None:
    assert all(f"`{name}`" in DOCUMENT.read_text() for name in get_args(StepName))


def test_the_document_has_the_row_of_every_kind_of_job_of_an_account() -> None:
    lines = DOCUMENT.read_text().splitlines()
    for kind, row in ACCOUNT_JOB_KINDS.items():
        assert f"| `{kind}` | {row.does} | {row.queued} |" in lines
