"""`verify` notices folded texts that are not those of their rows, and trigrams that their index lacks."""

import pytest
from sqlalchemy import text, update

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.integrity.databases import check_databases
from earwitness.archive.integrity.findings import Damage
from earwitness.archive.schema.folded import TRIGRAMS_ARRAYS, folded_endpoints, folded_people
from tests.firm import Firm, endpoint, person


def bring_in(firm: Firm) -> None:
    """A recording of a person, with two endpoints."""
    jane = endpoint("447896423595", subject=True, person=person("Jane Smith"))
    firm.ingest(endpoints=[jane, endpoint("447700900111", originator=True)])


def damages(archive: Archive) -> list[tuple[str, str]]:
    """The table of each damage, and how its reason begins."""
    found = check_databases(archive)
    return [(one.where, one.reason[:14]) for one in found if isinstance(one, Damage)]


def test_names_that_would_not_be_found_are_noticed(firm: Firm) -> None:
    bring_in(firm)
    with firm.archive.write() as connection:
        connection.execute(update(folded_people).values(text="somebody else"))
        connection.execute(update(folded_endpoints).where(folded_endpoints.c.id == 2).values(number=""))
    expected = [("folded_people", "1 of its texts"), ("folded_endpoints", "1 of its texts")]
    if firm.archive.engine.dialect.name == "sqlite":
        assert damages(firm.archive) == expected
        return
    with firm.archive.write() as connection:  # triggers keep SQLite's index as its texts are
        connection.execute(update(TRIGRAMS_ARRAYS["users"]).values(trigrams=[1, 2]))
    assert damages(firm.archive) == [*expected, ("users_trigrams", "It does not ha")]


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_trigrams_that_the_index_lacks_are_noticed(firm: Firm) -> None:
    bring_in(firm)
    assert damages(firm.archive) == []
    remove = """INSERT INTO people_trigrams (people_trigrams, rowid, text, numbers, names)
        SELECT 'delete', id, text, numbers, names FROM folded_people"""
    with firm.archive.write() as connection:
        connection.execute(text(remove))
    assert damages(firm.archive) == [("people_trigrams", "It does not ha")]
