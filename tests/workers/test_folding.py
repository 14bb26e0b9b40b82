"""The names of an archive of an earlier program are folded while it serves, on both databases."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from earwitness.archive.schema.folded import folded_endpoints, folded_people, folded_users, foldings
from earwitness.archive.upkeep import folding
from tests.conftest import DATABASES
from tests.firm import Firm, endpoint, person
from tests.old_archives import old_firm


@pytest.fixture(params=DATABASES)
def upgraded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Firm]:
    """A firm whose program has just been upgraded, and has done no work yet."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    with old_firm("0012", tmp_path, url) as firm:
        yield firm


def found(firm: Firm, asked: str) -> dict[str, list[int]]:
    """The ids that each search for parts of names finds, by the name of the call."""
    every = {"freeText": asked, "pageSize": 1000}
    prefix = {"prefix": asked, "personType": "staff", "pageSize": 1000}
    part = {"endpointSearch": asked, "pageSize": 1000}
    by_email = {**every, "searchOrderProperty": {"property": "email", "direction": "DESC"}}
    return {
        "people": _ids(firm.post("/client/people.search", every)["persons"]),
        "names": _ids(firm.post("/client/people.searchByName", prefix)["persons"]),
        "endpoints": _ids(firm.post("/client/people/endpoint/search", every)),
        "parts": _ids(firm.post("/client/people/endpoint/search", part)),
        "users": _ids(firm.post("/client/user/search", by_email)["users"]),
    }


def _ids(listed: list[dict[str, Any]]) -> list[int]:
    return [one["id"] for one in listed]


ASKED = ("mary", "oneill", "O’N", "44", "7700", "e", "ren", "@example", "nobody at all", "")


def test_what_is_found_is_the_same_before_during_and_after(upgraded: Firm) -> None:
    before = {asked: found(upgraded, asked) for asked in ASKED}
    assert before["mary"]["people"]
    assert before["44"]["parts"]
    assert before["e"]["users"]
    batches = 0
    while folding.go_on(upgraded.archive, at_once=2):
        batches += 1
        assert found(upgraded, "mary") == before["mary"]
    assert batches > 3
    assert {asked: found(upgraded, asked) for asked in ASKED} == before


def test_people_who_come_and_change_meanwhile_are_found_before_and_after(upgraded: Firm) -> None:
    folding.go_on(upgraded.archive, at_once=2)
    upgraded.ingest(
        thirdPartyId="new", endpoints=[endpoint("447700955123", subject=True, person=person("Zenobia Quill"))]
    )
    renamed, *_ = found(upgraded, "mary")["people"]
    assert upgraded.call("PUT", f"/admin/person/{renamed}", {"fullName": "Platinum Smith"}).is_success
    for _ in range(2):
        assert len(found(upgraded, "zenobia")["people"]) == 1
        assert len(found(upgraded, "955-123")["endpoints"]) == 1
        assert found(upgraded, "platinum")["people"] == [renamed]
        assert renamed not in found(upgraded, "mary")["names"]
        upgraded.work()
    assert not folding.go_on(upgraded.archive)


def test_work_shows_until_it_is_done(upgraded: Firm) -> None:
    with upgraded.archive.read() as connection:
        (listed,) = folding.listed(connection)
    assert listed["kind"] == "rebuild"
    assert "people and endpoints and users are left" in str(listed["log"])
    upgraded.work()
    with upgraded.archive.read() as connection:
        assert folding.listed(connection) == []
        for table in (folded_people, folded_endpoints, folded_users):
            assert (connection.scalar(select(func.count()).select_from(table)) or 0) > 1


def test_texts_of_another_version_are_folded_anew(upgraded: Firm) -> None:
    """As after an upgrade to a program that folds names in another way."""
    while folding.go_on(upgraded.archive):
        pass
    with upgraded.archive.write() as connection:
        connection.execute(update(folded_people).values(text="as it was", names=""))
        connection.execute(update(foldings).values(version=0))
    upgraded.archive.engine.dispose()
    assert found(upgraded, "mary")["people"]
    upgraded.work()
    assert found(upgraded, "mary")["people"]
    assert found(upgraded, "as it was")["people"] == []
