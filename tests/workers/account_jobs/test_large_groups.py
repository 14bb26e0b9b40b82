"""A retention group of very many people is deleted at once for whoever asks, and left in batches."""

from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import func, insert, select

from earwitness.archive.jobs import account_jobs
from earwitness.archive.recordings.retention_groups import MOST_MOVED_AT_ONCE
from earwitness.archive.schema.people import people, retention_groups
from earwitness.archive.upkeep import account_work
from earwitness.archive.upkeep.account_work import Pace
from tests.firm import Firm, endpoint, person

GROUPS = "/admin/retentionGroup"
MANY = MOST_MOVED_AT_ONCE + 2
SIZE = 2_000


@pytest.fixture
def group(firm: Firm) -> int:
    """A group of very many people, one of whom has a recording that is kept by it."""
    group_id = int(firm.post(GROUPS, {"name": "Traders", "retentionGroup": {"default": 100}})["id"])
    rows = [
        {
            "full_name": f"Person {number}",
            "full_name_folded": f"person {number}",
            "third_party_id": f"person-{number}",
            "person_type": "staff",
            "metadata": {},
            "retention_group_id": group_id,
        }
        for number in range(MANY)
    ]
    with firm.archive.write() as connection:
        connection.execute(insert(people), rows)
    assert record(firm, "before", "person-7") == group_id
    return group_id


def record(firm: Firm, name: str, third_party_id: str) -> int | None:
    """Ingest a call of a person. Returns the group that keeps it."""
    subject = endpoint("447896000", subject=True, person=person("Someone", thirdPartyId=third_party_id))
    firm.ingest(thirdPartyId=name, endpoints=[subject])
    return group_of(firm, name)


def group_of(firm: Firm, name: str) -> int | None:
    page = firm.post("/client/recording.search", {"pageSize": 100})["recordings"]
    (found,) = (one["retentionGroupId"] for one in page if one["thirdPartyId"] == name)
    return found if found is None else int(found)


def person_of(firm: Firm, third_party_id: str) -> Any:
    (found,) = firm.post("/client/people.search", {"thirdPartyIds": [third_party_id]})["persons"]
    return found


def with_number(firm: Firm, group_id: int) -> int:
    """How many people still have the number of a group in their row."""
    with firm.archive.read() as connection:
        counted = select(func.count()).where(people.c.retention_group_id == group_id)
        return connection.scalar(counted) or 0


def go_on(firm: Firm) -> None:
    account_work.go_on(firm.archive, "one", Pace({"leaving": SIZE}))


def test_from_the_deletion_on_nobody_is_in_the_group(firm: Firm, group: int) -> None:
    deleted = firm.call("DELETE", f"{GROUPS}/{group}")
    job = firm.get(f"/client/job/{deleted.headers['X-Pending']}")
    assert (job["kind"], job["state"]) == ("retention", "queued")
    with firm.archive.read() as connection:
        (leaving,) = account_jobs.waiting(connection, "leaving")
    assert (leaving.done, leaving.total) == (0, MANY)
    assert with_number(firm, group) == MANY

    assert firm.get(GROUPS)["retentionGroups"] == []
    for method in ("PUT", "DELETE"):
        assert firm.call(method, f"{GROUPS}/{group}", {"name": "Again"}).status_code == 404
    assert person_of(firm, "person-3")["retentionGroupId"] is None
    search = {"retentionGroupId": group, "pageSize": 1}
    assert firm.post("/client/people.search", search)["total"] == 0
    assert firm.post("/client/people.search", search | {"retentionGroupId": None})["total"] == MANY
    assert group_of(firm, "before") is None
    assert record(firm, "amid", "person-3") is None
    assert firm.post(GROUPS, {"name": "Traders", "retentionGroup": {"default": 5}})["id"] != group
    refused = firm.call(
        "PUT", f"/admin/person/{person_of(firm, 'person-3')['id']}", {"retentionGroupId": group}
    )
    assert refused.status_code == 400


def test_its_people_leave_in_batches_and_then_it_is_gone(firm: Firm, group: int) -> None:
    firm.call("DELETE", f"{GROUPS}/{group}")
    other = firm.post(GROUPS, {"name": "Other", "retentionGroup": {"default": 200}})["id"]
    moved = person_of(firm, "person-5")["id"]
    go_on(firm)
    firm.call("PUT", f"/admin/person/{moved}", {"retentionGroupId": other})
    last = person_of(firm, f"person-{MANY - 1}")["id"]
    firm.call("PUT", f"/admin/person/{last}", {"retentionGroupId": other})
    left = [with_number(firm, group)]
    while left[-1]:
        go_on(firm)
        left.append(with_number(firm, group))
    assert all(before - after <= SIZE for before, after in pairwise(left))
    account_work.give_back(firm.archive, "one")
    firm.work()
    with firm.archive.read() as connection:
        assert connection.scalars(select(retention_groups.c.id)).all() == [other]
    in_other = firm.post("/client/people.search", {"retentionGroupId": other})["persons"]
    assert {one["id"] for one in in_other} == {moved, last}
    assert group_of(firm, "before") is None


def test_so_many_people_cannot_leave_by_a_list_at_once(firm: Firm, group: int) -> None:
    refused = firm.call("PUT", f"{GROUPS}/{group}", {"peopleIds": [person_of(firm, "person-3")["id"]]})
    assert (refused.status_code, refused.json()["code"]) == (409, "too-many-people")
    assert firm.call("PUT", f"{GROUPS}/{group}", {"retentionGroup": {"default": 200}}).status_code == 200
    assert with_number(firm, group) == MANY
