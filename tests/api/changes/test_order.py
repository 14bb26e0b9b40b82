"""Changes have the order of commits: none appears later before a place that was read."""

from pathlib import Path

import pytest
from sqlalchemy import Connection

from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.changed import Changed
from earwitness.archive.ledger.ledger import Entry
from earwitness.archive.upkeep.ledgers import ledger_beginning
from earwitness.cli.operator import action
from tests.api.changes.following import Copy, ask, kinds
from tests.firm import Firm, tone
from tests.old_archives import CONTENTS, old_firm


@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)  # SQLite has one writer at a time
def test_what_was_written_first_and_committed_last_comes_last(firm: Firm) -> None:
    one, two = firm.ingest(thirdPartyId="call-1"), firm.ingest(thirdPartyId="call-2")
    copy = Copy(firm)
    copy.catch_up()
    with firm.archive.write(locked=False) as slow:
        change_media(slow, one)
        with firm.archive.write(locked=False) as quick:
            change_media(quick, two)
        assert copy.catch_up() == [("media", two)]
    assert copy.catch_up() == [("media", one)]


def change_media(connection: Connection, interaction_id: int) -> None:
    """Write the row of a change, as a writer does that holds no lock of the account."""
    changed = Changed({}, {}, {"media": b"\1" * 32}, b"\2" * 32)
    entry = Entry(interaction_id, changed=changed)
    ledger.append(connection, action("test", "Change media"), [entry])


def test_the_numbers_of_changes_rise_and_stay(firm: Firm) -> None:
    for number in range(4):
        firm.ingest(thirdPartyId=f"call-{number}")
    first = ask(firm)
    sequences = [one["sequence"] for one in first["changes"]]
    assert sequences == sorted(set(sequences))
    firm.ingest(thirdPartyId="call-4")
    again = ask(firm)
    assert again["changes"][:4] == first["changes"]
    assert kinds(again)[4:] == [("created", 5)]


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_copy_begins_with_the_recordings_from_before_the_upgrade(
    database: str, tmp_path: Path, postgres_url: str
) -> None:
    with old_firm("0016-d0003", tmp_path, postgres_url if database == "postgresql" else None) as firm:
        assert firm.call("GET", "/client/changes").json()["code"] == "ledger-begins"
        detail = {"interactionIds": [1]}
        (before,) = firm.post("/client/recording.detail.get", detail)
        assert before["metadata"]["recordVersion"] is None
        while ledger_beginning.go_on(firm.archive, at_once=2):
            pass
        for limit in (1, 1000):
            copy = Copy(firm, limit=limit)
            assert copy.has() == copy.visible()
            assert len(copy.ids) >= len(CONTENTS["recordings"])
        late = firm.ingest(tone(0.1), thirdPartyId="a late one")
        assert copy.catch_up() == [("created", late)]
        assert all(copy.versions().values())
