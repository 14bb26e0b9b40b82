"""Changes of the rules of retention. Where they concern many recordings, a job brings these to the new rules.

A change is judged in a read, as if everything that is queued were done: whether it would keep a recording
shorter than before, which most accounts do not allow. The rules themselves change in a short write, at once.
Until the job is through, answers work out from the rules what it has not written yet.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from time import monotonic
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Subquery,
    Update,
    and_,
    bindparam,
    func,
    or_,
    select,
    true,
    update,
)

from earwitness.archive.database.in_list import among
from earwitness.archive.database.timeline import newest_committed_id
from earwitness.archive.jobs import account_jobs
from earwitness.archive.jobs.account_jobs import AccountJob, Found, Stretch, stretch_of
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Entry
from earwitness.archive.ledger.recording_digests import Watched
from earwitness.archive.ledger.touched import touch
from earwitness.archive.recordings.retention import (
    Durations,
    Rules,
    by_rules,
    days_for,
    differs,
    is_shorter,
    may_shorten,
    of_people,
    recompute_for_default,
    recompute_for_people,
    rules_of,
    shortened,
    writing_rules,
)
from earwitness.archive.recordings.retention_groups import MOST_MOVED_AT_ONCE
from earwitness.archive.schema.dialects import insert_into
from earwitness.archive.schema.people import counters, people
from earwitness.archive.schema.recordings import recording_endpoints, recordings
from earwitness.kernel.errors import OutOfDate

MOST_AT_ONCE = 200
"""For more recordings a change would take too long, and so would all other writers of the account wait."""

NEW_GROUP = 1 << 62
"""Stands for a group that is not stored yet."""

_FEW_PEOPLE = 1_000
"""The recordings of more people than these are not looked up one by one: all recordings are looked at."""

_VERSION = "retention"
_LOOKED_AT, _MOST_LOOKED_AT = 500, 16_000
"""How many recordings are looked at in the first query for those that differ, and in a later one."""

_LOOKING_SECONDS = 0.5
_position = recordings.c.position


@dataclass(frozen=True, slots=True)
class Judged:
    """A change of the rules that was judged, and may be made while the rules are as they were then."""

    version: int
    newest_id: int
    """The newest recording that was looked at."""
    person_ids: Sequence[int] | None
    """The people whose recordings it concerns; None for those that the account default keeps."""
    recordings: int
    """How many recordings a job looks at; 0 if there are so few that the change brings them to the rules."""
    changes_nothing: bool
    is_safe: bool
    """Whether no recording can be kept shorter by it, or shorter ones are allowed."""


def judge(connection: Connection, before: Rules, after: Rules, person_ids: Collection[int] | None) -> Judged:
    """Judge a change of the rules in a read. Raises Conflict if it shortens what the account keeps.

    `person_ids` are all whose group, or the days of whose group, would change; None for the account default.
    """
    concerned = None if person_ids is None else sorted(person_ids)
    version, newest_id = _version(connection), newest_committed_id(connection)
    if before == after:
        return Judged(version, newest_id, concerned, 0, changes_nothing=True, is_safe=True)
    is_queued = account_jobs.pending(connection, "retention") is not None
    is_small = not is_queued and len(concerned or ()) <= MOST_MOVED_AT_ONCE
    is_small = is_small and _are_few(connection, concerned)
    is_safe = may_shorten(connection) or only_lengthens(connection, before, after)
    if not (is_small or is_safe) and shortens(connection, before if is_queued else None, after, concerned):
        raise shortened()
    everything = select(func.count()).select_from(recordings)
    total = 0 if is_small else connection.scalar(everything) or 0
    return Judged(version, newest_id, concerned, total, changes_nothing=False, is_safe=is_safe)


def _are_few(connection: Connection, person_ids: Sequence[int] | None) -> bool:
    """Whether a change concerns so few recordings that it brings them to the rules itself."""
    if person_ids is None:
        some = select(_position)
    else:  # no more of their recordings are listed than have to be known
        part = recording_endpoints.c
        theirs = among(part.person_id, person_ids), part.is_recording_subject == true()
        some = select(part.position).distinct().where(*theirs)
    return len(connection.scalars(some.limit(MOST_AT_ONCE + 1)).all()) <= MOST_AT_ONCE


def begin(connection: Connection, judged: Judged) -> None:
    """Begin a change in a write. Raises OutOfDate if the rules are not those any more that were judged."""
    if _version(connection) != judged.version:
        raise OutOfDate
    if not judged.changes_nothing:
        note_change(connection)


def finish(
    connection: Connection, judged: Judged, order: Callable[..., int], entries: list[Entry]
) -> int | None:
    """Bring recordings to the rules after these changed: at once, or by a job, whose id is returned.

    `order` orders a job, as `Call.order` does. `entries` get one for each recording that changed at once.
    """
    if judged.changes_nothing:
        return account_jobs.pending(connection, "retention")
    if not judged.recordings:
        if judged.person_ids is None:
            entries += recompute_for_default(connection)
        else:
            entries += recompute_for_people(connection, judged.person_ids)
        return None
    newer = recordings.c.interaction_id > judged.newest_id
    if not judged.is_safe and _finds_shorter(connection, by_rules(rules_of(connection), newer)):
        raise OutOfDate
    few = judged.person_ids is not None and len(judged.person_ids) <= _FEW_PEOPLE
    what = {"people": judged.person_ids if few else None, "mayShorten": may_shorten(connection)}
    return order("retention", what, total=judged.recordings)


def note_change(connection: Connection) -> None:
    """Note that the rules change, or whether they may shorten: what was judged before is out of date."""
    first = insert_into(counters, connection.dialect.name).values(name=_VERSION, value=1)
    connection.execute(
        first.on_conflict_do_update(index_elements=["name"], set_={"value": counters.c.value + 1})
    )


def move_people(connection: Connection, moved: Mapping[int, int | None]) -> None:
    """Put people into the groups that a change of the rules has for them; None for no group."""
    left = select(people.c.retention_group_id).where(among(people.c.id, list(moved))).distinct()
    groups = {*connection.scalars(left), *moved.values()} - {None}
    touch(connection, "RetentionGroup", groups)
    for to in set(moved.values()):
        these = among(people.c.id, [one for one, at in moved.items() if at == to])
        connection.execute(update(people).where(these).values(retention_group_id=to))


def pending_retention(connection: Connection, positions: Sequence[int]) -> dict[int, tuple[Any, Any]]:
    """The group and the end of retention of recordings that a pending job will bring to the rules.

    The others are left out: what is stored is right, or no job changes it, as where it would be shorter.
    """
    jobs = account_jobs.waiting(connection, "retention")
    if not jobs or not positions:
        return {}
    found = by_rules(rules_of(connection), among(recordings.c.position, positions))
    rows = connection.execute(
        select(found.c.position, found.c.group_id, found.c.retain_until)
        .join(recordings, recordings.c.position == found.c.position)
        .where(or_(*(_is_left_to(job, found) for job in jobs)))
    )
    return {row.position: (row.group_id, row.retain_until) for row in rows}


def _is_left_to(job: AccountJob, found: Subquery) -> ColumnElement[bool]:
    """Whether a job will change a recording when it comes to it."""
    person_ids = job.what["people"]
    part = recording_endpoints.c
    theirs = select(part.position).where(
        part.position == _position,
        part.is_recording_subject == true(),
        among(part.person_id, person_ids or ()),
    )
    concerned = true() if person_ids is None else theirs.exists()
    return and_(_position >= (job.cursor or 0), differs(found, shorten=job.what["mayShorten"]), concerned)


def find(connection: Connection, job: AccountJob, most: int) -> Found[Stretch]:
    """Find where the next recordings begin that are not kept by the rules as they are now.

    `cursor` is a position. The batch is a stretch from there on: the write looks at each recording once. To
    find all that differ here, and to check them again there, costs twice as much.
    """
    rules, until = rules_of(connection), monotonic() + _LOOKING_SECONDS
    first, passed, at_once = job.cursor or 0, 0, _LOOKED_AT
    while True:
        looked = stretch_of(connection, select(_position).where(_position >= first), at_once)
        if not looked:
            return Found(looked, first, passed, is_last=True)
        begins = _first_differing(connection, job, rules, looked)
        if begins is not None:
            found = stretch_of(connection, select(_position).where(_position >= begins), most)
            before = select(func.count()).where(_position >= first, _position < begins)
            passed += connection.scalar(before) or 0
            return Found(found, found.last + 1, passed + len(found), is_last=False)
        passed += len(looked)
        first = looked.last + 1
        at_once = min(2 * at_once, _MOST_LOOKED_AT)
        if monotonic() > until:
            return Found(Stretch(first, first, 0), first, passed, is_last=False)


def write(connection: Connection, job: AccountJob, these: Stretch) -> None:
    """Bring a stretch of recordings to the rules as they are in this transaction."""
    _, writing = _statements_of(job, rules_of(connection))
    here = select(_position).where(_position.between(these.first, these.last))
    watched = Watched(connection, connection.scalars(here).all(), "retention")
    connection.execute(writing, {"first": these.first, "last": these.last})
    if entries := watched.entries(connection):
        ledger.append_under(connection, job.header, entries)


def _first_differing(connection: Connection, job: AccountJob, rules: Rules, looked: Stretch) -> int | None:
    """The first recording of a stretch that a job has to bring to the rules."""
    looking, _ = _statements_of(job, rules)
    first: int | None = connection.scalar(looking, {"first": looked.first, "last": looked.last})
    return first


def _statements_of(job: AccountJob, rules: Rules) -> tuple[Select[Any], Update]:
    people_ = job.what["people"]
    return _statements(
        msgspec.json.encode(rules),
        None if people_ is None else tuple(people_),
        shorten=job.what["mayShorten"],
    )


@lru_cache(maxsize=32)  # building them takes longer than a thousand recordings
def _statements(
    rules: bytes, person_ids: tuple[int, ...] | None, *, shorten: bool
) -> tuple[Select[Any], Update]:
    """How a job finds the first recording of a stretch that it has to change, and how it changes them all."""
    within = bindparam("first", type_=BigInteger), bindparam("last", type_=BigInteger)
    these = true() if person_ids is None else of_people(person_ids, within)
    found = by_rules(msgspec.json.decode(rules, type=Rules), these, within=within)
    here = _position.between(*within)
    first = select(func.min(found.c.position)).join(recordings, _position == found.c.position)
    writing = writing_rules(found, shorten=shorten).where(here)
    return first.where(differs(found, shorten=shorten), here), writing


def _version(connection: Connection) -> int:
    return connection.scalar(select(counters.c.value).where(counters.c.name == _VERSION)) or 0


def only_lengthens(connection: Connection, before: Rules, after: Rules) -> bool:
    """Whether no rule gets shorter for anybody: then no recording is kept shorter by it."""
    moved = among(people.c.id, list(after.moved))
    left = select(people.c.retention_group_id).where(moved).distinct()
    came_from = connection.scalars(left).all() if after.moved else ()
    pairs = [(before.default, after.default)]
    pairs += [(days, after.groups.get(one, after.default)) for one, days in before.groups.items()]
    pairs += [
        (_days_of(before, old), _days_of(after, new))
        for old in came_from
        for new in set(after.moved.values())
    ]
    types = {"default"}.union(*before.groups.values(), before.default, *after.groups.values(), after.default)
    return all(
        _length(days_for(longer, type_)) >= _length(days_for(shorter, type_))
        for shorter, longer in pairs
        for type_ in types
    )


def _days_of(rules: Rules, group_id: int | None) -> Durations:
    return rules.groups.get(group_id or 0, rules.default)  # a group that has ended has no rules


def shortens(
    connection: Connection, queued: Rules | None, after: Rules, person_ids: Sequence[int] | None
) -> bool:
    """Whether a change keeps any recording shorter than before: than stored, or than by queued rules."""
    which = true() if person_ids is None else of_people(person_ids)
    found = by_rules(after, which, of_default=person_ids is None)
    if queued is None:
        return _finds_shorter(connection, found)
    before = by_rules(queued, which, name="before")
    both = select(found.c.position).join(before, before.c.position == found.c.position)
    shorter = is_shorter(found.c.retain_until, before.c.retain_until)
    return connection.scalar(both.where(shorter).limit(1)) is not None


def _finds_shorter(connection: Connection, found: Subquery) -> bool:
    stored = select(found.c.position).join(recordings, recordings.c.position == found.c.position)
    return connection.scalar(stored.where(is_shorter(found.c.retain_until)).limit(1)) is not None


def _length(days: int | None) -> float:
    return math.inf if days is None else days
