"""Recordings are found by a new name at once or, if very many share it, when jobs have been done."""

from collections.abc import Callable
from typing import Any

import pytest

from earwitness.archive.jobs import queue
from earwitness.archive.text import reindexing
from earwitness.archive.upkeep import account_work
from earwitness.archive.upkeep.account_work import Pace
from tests.firm import Firm, call, transcript

Rename = Callable[[Firm], Any]

PERSON = {"thirdPartyId": "AAD-1", "fullName": "Jane Smith"}


def rename_tag(firm: Firm) -> Any:
    (tag,) = firm.get("/admin/tag")
    return firm.call("PUT", f"/admin/tag/{tag['id']}", {"tag": "renamed"})


def rename_person(firm: Firm) -> Any:
    (person,) = firm.post("/client/people.search", {"freeText": "jane"})["persons"]
    return firm.call("PUT", f"/admin/person/{person['id']}", {"fullName": "Jane Renamed"})


def kinds_queued(firm: Firm) -> list[object]:
    with firm.archive.read() as connection:
        return [job["kind"] for job in queue.list_jobs(connection)]


@pytest.fixture
def named(firm: Firm) -> Firm:
    """Three recordings with one tag, and one person in each of them."""
    (subject, other) = call()["endpoints"]
    for number in range(3):
        endpoints = [subject | {"person": PERSON}, other]
        firm.ingest(thirdPartyId=f"call-{number}", tags=["named"], endpoints=endpoints)
    firm.work()
    return firm


@pytest.mark.parametrize("rename", [rename_tag, rename_person])
def test_a_few_recordings_are_found_by_the_new_name_at_once(named: Firm, rename: Rename) -> None:
    assert rename(named).is_success
    assert kinds_queued(named) == []
    assert len(named.search(freeText="renamed")) == 3


@pytest.mark.parametrize("rename", [rename_tag, rename_person])
def test_very_many_recordings_are_left_to_jobs_which_nothing_else_waits_for(
    named: Firm, rename: Rename, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reindexing, "MOST_AT_ONCE", 2)
    assert rename(named).is_success
    assert rename(named).status_code in (200, 409)  # what waits already is not queued again
    assert kinds_queued(named) == ["index"] * 3
    assert named.search(freeText="renamed") == []
    named.work()
    assert kinds_queued(named) == []
    assert len(named.search(freeText="renamed")) == 3


@pytest.mark.parametrize("rename", [rename_tag, rename_person])
def test_a_few_long_transcripts_are_left_to_jobs_too(named: Firm, rename: Rename) -> None:
    named.ingest(
        thirdPartyId="long", tags=["named"], transcript=transcript(*["Nothing but words, again."] * 3_000)
    )
    assert rename(named).is_success
    assert kinds_queued(named) == ["index"] * 4
    named.work()
    assert len(named.search(freeText="renamed")) == 4


@pytest.mark.parametrize("rename", [rename_tag, rename_person])
def test_of_even_more_recordings_the_jobs_are_queued_in_batches(
    named: Firm, rename: Rename, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reindexing, "MOST_QUEUED_AT_ONCE", 2)
    renamed = rename(named)
    job = named.get(f"/client/job/{renamed.headers['X-Pending']}")
    assert (job["kind"], job["state"], job["total"]) == ("index", "queued", 3)
    assert kinds_queued(named) == []
    assert named.search(freeText="renamed") == []
    while account_work.go_on(named.archive, "one", Pace({"index": 2})) is not None:
        pass
    assert kinds_queued(named) == ["index"] * 3
    named.work()
    assert len(named.search(freeText="renamed")) == 3
