"""A person with very many endpoints is renamed: they are found by the new name before they are folded."""

from typing import Any

import pytest
from sqlalchemy import func, insert, select

from earwitness.archive.people.owned_endpoints import MOST_AT_ONCE
from earwitness.archive.schema.folded import folded_endpoints
from earwitness.archive.schema.people import endpoints
from earwitness.archive.substrings.writing import fold_endpoints, fold_people
from earwitness.archive.upkeep import account_work
from earwitness.archive.upkeep.account_work import Pace
from tests.cli.running import run_json
from tests.firm import CLIENT_ID, Firm

MANY = MOST_AT_ONCE + 3
SIZE = 100


@pytest.fixture
def owner(firm: Firm) -> int:
    """A person with very many endpoints, found by the name of the person."""
    person_id = int(firm.post("/admin/person", {"fullName": "Jane Switchboard"})["id"])
    rows = [
        {
            "type": "phone",
            "endpoint": f"4477009{number:05}",
            "normalised": f"4477009{number:05}",
            "metadata": {},
            "owned_by_person_id": person_id,
        }
        for number in range(MANY)
    ]
    with firm.archive.write() as connection:
        connection.execute(insert(endpoints), rows)
        fold_endpoints(connection, connection.scalars(select(endpoints.c.id)).all())
        fold_people(connection, [person_id])
    assert found(firm, "switchboard") == MANY
    return person_id


def found(firm: Firm, text: str) -> int:
    """How many endpoints a search finds."""
    answer = firm.call("POST", "/client/people/endpoint/search", {"freeText": text, "pageSize": 1})
    return int(answer.headers["X-Total-Count"])


def folded_with(firm: Firm, name: str) -> int:
    with firm.archive.read() as connection:
        texts = folded_endpoints.c.text
        counted = select(func.count()).select_from(folded_endpoints).where(texts.contains(name))
        return connection.scalar(counted) or 0


def change(firm: Firm, person_id: int, **body: Any) -> dict[str, Any]:
    """Change the person. Returns the job that is pending."""
    response = firm.call("PUT", f"/admin/person/{person_id}", body)
    assert response.is_success, response.text
    return dict(firm.get(f"/client/job/{response.headers['X-Pending']}"))


def assert_whole(firm: Firm) -> None:
    assert run_json(firm.settings, "verify", CLIENT_ID)["damaged"] == []


def test_a_new_name_finds_them_before_they_are_folded(firm: Firm, owner: int) -> None:
    job = change(firm, owner, fullName="Jane Exchange")
    assert (job["kind"], job["state"], job["total"]) == ("folding", "queued", MANY)
    assert (folded_with(firm, "switchboard"), folded_with(firm, "exchange")) == (MANY, 0)
    assert (found(firm, "switchboard"), found(firm, "exchange")) == (0, MANY)

    account_work.go_on(firm.archive, "one", Pace({"folding": SIZE}))
    account_work.give_back(firm.archive, "one")
    assert folded_with(firm, "exchange") == SIZE
    assert (found(firm, "switchboard"), found(firm, "exchange")) == (0, MANY)
    assert_whole(firm)

    firm.work()
    assert folded_with(firm, "exchange") == MANY
    assert (found(firm, "switchboard"), found(firm, "exchange")) == (0, MANY)
    assert_whole(firm)


def test_endpoints_that_are_taken_from_it_lose_the_name(firm: Firm, owner: int) -> None:
    change(firm, owner, endpoints=[{"type": "phone", "endpoint": "447700900000"}])
    assert found(firm, "switchboard") == 1
    firm.work()
    assert (found(firm, "switchboard"), folded_with(firm, "switchboard")) == (1, 1)


def test_two_names_after_each_other(firm: Firm, owner: int) -> None:
    change(firm, owner, fullName="Jane Exchange")
    change(firm, owner, fullName="Jane Operator")
    firm.work()
    assert (folded_with(firm, "operator"), folded_with(firm, "exchange")) == (MANY, 0)
