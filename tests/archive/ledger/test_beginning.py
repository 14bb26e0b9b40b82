"""The log of an older archive begins with all that is there, once, and goes on where it was stopped."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from earwitness.archive.schema.ledger import entity_states, recording_digests
from earwitness.archive.schema.people import users
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.upkeep.ledgers import ledger_beginning
from earwitness.archive.upkeep.ledgers.ledger_log import bring_up_to_date
from tests.firm import Firm
from tests.old_archives import old_firm


@pytest.fixture(params=["sqlite", "postgresql"])
def old(request: pytest.FixtureRequest, tmp_path: Path, postgres_url: str) -> Iterator[Firm]:
    with old_firm("0016-d0003", tmp_path, postgres_url if request.param == "postgresql" else None) as firm:
        yield firm


def test_everything_that_there_was_has_digests(old: Firm) -> None:
    while ledger_beginning.go_on(old.archive, at_once=2):
        pass
    with old.archive.read() as connection:
        stored = connection.scalar(select(func.count()).select_from(recordings))
        digests = connection.scalar(select(func.count()).select_from(recording_digests))
        logged = connection.scalars(
            select(entity_states.c.entity_id).where(entity_states.c.entity_name == "User")
        ).all()
        assert stored == digests
        assert set(logged) == set(connection.scalars(select(users.c.id)))
        recording = connection.scalars(select(recordings.c.interaction_id).limit(1)).one()
    bring_up_to_date(old.archive, old.app.state.installation.accounts)
    versions = old.post("/ledger/history", {"recordingId": recording})
    assert {one["before"] for one in versions} == {None}
    assert "source" in [one["part"] for one in versions]
