"""Mass changes hold an account for short turns, in an archive of any size, on both databases.

A writer that comes meanwhile waits for the turn that it finds. What a turn does is counted, not timed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

import pytest
from httpx2 import Response
from sqlalchemy import insert, text

from earwitness.api import retention_groups
from earwitness.archive.jobs import account_jobs
from earwitness.archive.jobs.account_job_kinds import AccountJobKind
from earwitness.archive.schema.people import endpoints, people
from earwitness.archive.text import reindexing
from earwitness.archive.upkeep import account_work
from earwitness.archive.upkeep.account_work import Pace
from tests.firm import Firm
from tests.lock_turns import lock_turns
from tests.many_recordings import add_people, add_recordings

GROUP, ACCOUNT, PERSON, TAG = "/admin/retentionGroup", "/admin/account", "/admin/person", "/admin/tag"
HOLD, PLAYLIST, SELECTION = "/admin/legalHold", "/admin/playlist", "/client/recording/selection"
FEW, MORE = 1_100, 2_200
SIZE = 100


class Archived:
    """Two people whose recordings are nearly all that the firm has, and what a case remembers."""

    def __init__(self, firm: Firm) -> None:
        self.firm = firm
        self.recordings = 0
        self.people = add_people(firm, 2)
        self.days, self.number = 1_000, 0
        self.put(ACCOUNT, {"mayShortenRetention": True})
        self.put(f"{GROUP}/accountDefault", {"default": self.days})
        self.put(ACCOUNT, {"mayShortenRetention": False})
        self.groups = [
            firm.post(GROUP, {"name": name, "retentionGroup": {"default": self.days}})["id"] for name in "GH"
        ]
        self.id = 0
        """What the case changes: a hold, a playlist or a tag."""

    def put(self, path: str, body: Any) -> Response:
        return self.firm.call("PUT", path, body)

    def longer(self) -> dict[str, int]:
        self.days += 1
        return {"default": self.days}

    def name(self) -> str:
        self.number += 1
        return f"Name {self.number}"

    def select(self, **changes: Any) -> Response:
        return self.firm.call("POST", SELECTION, {"filters": {}, **changes})

    def go_on(self) -> bool:
        """Do a batch of the account's jobs; False if none is left."""
        sizes: dict[AccountJobKind, int] = dict.fromkeys(get_args(AccountJobKind), SIZE)
        return account_work.go_on(self.firm.archive, "one", Pace(sizes)) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A mass change: the kind of job that it orders, if any, what has to be there before, and the change."""

    kind: AccountJobKind | None
    ready: Callable[[Archived], object] = lambda _: None
    change: Callable[[Archived], Response]
    counts: bool = False
    """Whether the order counts what its job will change; only the turns of the job are compared then."""


def in_group(it: Archived) -> None:
    it.put(f"{GROUP}/{it.groups[0]}", {"peopleIds": it.people})


def in_other_group(it: Archived) -> None:
    in_group(it)
    it.groups.reverse()
    it.put(f"{GROUP}/{it.groups[0]}", {"retentionGroup": it.longer()})


def empty(path: str) -> Callable[[Archived], None]:
    def add(it: Archived) -> None:
        if it.id:  # else the recordings would be in one more each time
            it.firm.call("DELETE", f"{path}/{it.id}")
        it.id = it.firm.post(path, {"name": it.name()})["id"]

    return add


def full(path: str, field: str) -> Callable[[Archived], None]:
    def fill(it: Archived) -> None:
        empty(path)(it)
        it.select(**{field: it.id})

    return fill


def large_group(it: Archived) -> None:
    """Make a group of as many people as there are recordings."""
    values = {"name": it.name(), "retentionGroup": {"default": it.days}}
    it.id = it.firm.post(GROUP, values)["id"]
    rows = [
        {
            "full_name": it.name(),
            "full_name_folded": "",
            "person_type": "staff",
            "metadata": {},
            "retention_group_id": it.id,
        }
        for _ in range(it.recordings)
    ]
    with it.firm.archive.write() as connection:
        connection.execute(insert(people), rows)


def many_endpoints(it: Archived) -> None:
    """Give a person as many endpoints as there are recordings, and at first many people one."""
    others = [] if it.id else add_people(it.firm, 300)
    it.id = it.firm.post(PERSON, {"fullName": it.name()})["id"]
    rows = [
        {"type": "phone", "endpoint": name, "normalised": name, "metadata": {}, "owned_by_person_id": owner}
        for owner in [it.id] * it.recordings + others
        for name in [it.name()]
    ]
    with it.firm.archive.write() as connection:
        connection.execute(insert(endpoints), rows)


def tagged(it: Archived) -> None:
    name = it.name()
    it.select(addTags=[name])
    it.id = next(tag["id"] for tag in it.firm.get(TAG) if tag["tag"] == name)


holds, playlists = full(HOLD, "legalHoldId"), full(PLAYLIST, "playlistId")

CASES = {
    "days of a group": Case(
        kind="retention",
        ready=in_group,
        change=lambda it: it.put(f"{GROUP}/{it.groups[0]}", {"retentionGroup": it.longer()}),
    ),
    "people of a group": Case(kind="retention", ready=in_other_group, change=lambda it: _moved(it)),
    "account default": Case(
        kind="retention", change=lambda it: it.put(f"{GROUP}/accountDefault", it.longer())
    ),
    "whether retention may be shortened": Case(
        kind=None, change=lambda it: it.put(ACCOUNT, {"mayShortenRetention": False})
    ),
    "a hold placed": Case(
        kind="selection", ready=empty(HOLD), change=lambda it: it.select(legalHoldId=it.id)
    ),
    "a hold replaced": Case(
        kind="selection", ready=holds, change=lambda it: it.put(f"{HOLD}/{it.id}", {"interactionIds": [1]})
    ),
    "a hold renamed": Case(
        kind=None, ready=holds, change=lambda it: it.put(f"{HOLD}/{it.id}", {"name": it.name()})
    ),
    "a hold ended": Case(
        kind="emptying", ready=holds, change=lambda it: it.firm.call("DELETE", f"{HOLD}/{it.id}")
    ),
    "a playlist filled": Case(
        kind="selection", ready=empty(PLAYLIST), change=lambda it: it.select(playlistId=it.id)
    ),
    "a playlist renamed": Case(
        kind=None, ready=playlists, change=lambda it: it.put(f"{PLAYLIST}/{it.id}", {"name": it.name()})
    ),
    "a playlist ended": Case(
        kind="emptying", ready=playlists, change=lambda it: it.firm.call("DELETE", f"{PLAYLIST}/{it.id}")
    ),
    "tags added": Case(kind="selection", change=lambda it: it.select(addTags=[it.name()])),
    "a tag renamed": Case(
        kind="index", ready=tagged, change=lambda it: it.put(f"{TAG}/{it.id}", {"tag": it.name()})
    ),
    "a group of many people deleted": Case(
        kind="leaving",
        ready=large_group,
        change=lambda it: it.firm.call("DELETE", f"{GROUP}/{it.id}"),
        counts=True,
    ),
    "a person of many endpoints renamed": Case(
        kind="folding",
        ready=many_endpoints,
        change=lambda it: it.put(f"{PERSON}/{it.id}", {"fullName": it.name()}),
        counts=True,
    ),
    "a person renamed": Case(
        kind="index", change=lambda it: it.put(f"{PERSON}/{it.people[0]}", {"fullName": it.name()})
    ),
}


def _moved(it: Archived) -> Response:
    return it.put(f"{GROUP}/{it.groups[0]}", {"peopleIds": it.people})


def test_each_kind_of_job_of_an_account_is_one_of_these_changes() -> None:
    assert {case.kind for case in CASES.values()} - {None} == set(get_args(AccountJobKind))


@pytest.mark.parametrize("name", CASES)
def test_no_turn_of_a_mass_change_grows_with_the_archive(
    firm: Firm, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reindexing, "MOST_QUEUED_AT_ONCE", 300)
    monkeypatch.setattr(retention_groups, "MOST_MOVED_AT_ONCE", 300)
    it = Archived(firm)
    few, more = (changed(it, CASES[name], count) for count in (FEW, MORE - FEW))
    assert max(more) <= 1.25 * max(few), (few, more)
    if CASES[name].kind is not None:
        assert len(more) > 1.5 * len(few), "the change was made in batches"


def changed(it: Archived, case: Case, new: int) -> list[int]:
    """Add recordings, make a change until its job is through, and count what its turns did."""
    add_recordings(it.firm, it.people, new, retain_until=1)
    it.recordings += new
    case.ready(it)
    while it.go_on():
        pass
    with it.firm.archive.write() as connection:
        connection.execute(text("ANALYZE"))  # it is planned for as one that is in use
    with lock_turns(it.firm.archive.engine) as turns:
        response = case.change(it)
        assert response.is_success, response.text
        kinds = pending(it.firm)
        while it.go_on():
            add_people(it.firm, 1)  # waits for whoever holds the account
    assert case.kind in kinds if case.kind else not kinds
    return turns[1:] if case.counts else turns


def pending(firm: Firm) -> set[AccountJobKind]:
    """The kinds of the jobs that the change ordered."""
    with firm.archive.read() as connection:
        return {kind for kind in get_args(AccountJobKind) if account_jobs.waiting(connection, kind)}
