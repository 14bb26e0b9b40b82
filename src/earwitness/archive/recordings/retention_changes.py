"""Changes of the rules of retention. Where they concern many recordings, a job brings these to the new rules.

A change is judged in a read, as if everything that is queued were done: whether it would keep a recording
shorter than before, which most accounts do not allow. The rules themselves change in a short write, at once.
Until the job is through, answers work out from the rules what it has not written yet.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

from sqlalchemy import ColumnElement, Connection, Subquery, func, select, true, update

from earwitness.archive.database.in_list import among
from earwitness.archive.database.timeline import newest_committed_id
from earwitness.archive.jobs import account_jobs
from earwitness.archive.jobs.account_jobs import AccountJob, Found
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
    write_rules,
)
from earwitness.archive.recordings.retention_groups import MOST_MOVED_AT_ONCE
from earwitness.archive.schema.dialects import insert_into
from earwitness.archive.schema.people import counters, people
from earwitness.archive.schema.recordings import recordings
from earwitness.kernel.errors import OutOfDate

MOST_AT_ONCE = 200
"""For more recordings a change would take too long, and so would all other writers of the account wait."""

NEW_GROUP = 1 << 62
"""Stands for a group that is not stored yet."""

_FEW_PEOPLE = 1_000
"""The recordings of more people than these are not looked up one by one: all recordings are looked at."""

_VERSION = "retention"
_LOOKED_AT = 1_000
"""How many recordings are looked at in one query for those that differ, at least."""

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
    of_them = true() if concerned is None else of_people(concerned)
    is_queued = account_jobs.pending(connection, "retention") is not None
    few = select(recordings.c.position).where(of_them).limit(MOST_AT_ONCE + 1)
    is_small = not is_queued and len(concerned or ()) <= MOST_MOVED_AT_ONCE
    is_small = is_small and len(connection.scalars(few).all()) <= MOST_AT_ONCE
    is_safe = may_shorten(connection) or only_lengthens(connection, before, after)
    if not (is_small or is_safe) and shortens(connection, before if is_queued else None, after, concerned):
        raise shortened()
    everything = select(func.count()).select_from(recordings)
    total = 0 if is_small else connection.scalar(everything) or 0
    return Judged(version, newest_id, concerned, total, changes_nothing=False, is_safe=is_safe)


def begin(connection: Connection, judged: Judged) -> None:
    """Begin a change in a write. Raises OutOfDate if the rules are not those any more that were judged."""
    if _version(connection) != judged.version:
        raise OutOfDate
    if not judged.changes_nothing:
        note_change(connection)


def finish(connection: Connection, judged: Judged, order: Callable[..., int]) -> int | None:
    """Bring recordings to the rules after these changed: at once, or by a job, whose id is returned.

    `order` orders a job, as `Call.order` does.
    """
    if judged.changes_nothing:
        return account_jobs.pending(connection, "retention")
    if not judged.recordings:
        if judged.person_ids is None:
            recompute_for_default(connection)
        else:
            recompute_for_people(connection, judged.person_ids)
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
    for to in set(moved.values()):
        these = among(people.c.id, [one for one, at in moved.items() if at == to])
        connection.execute(update(people).where(these).values(retention_group_id=to))


def pending_retention(connection: Connection, positions: Sequence[int]) -> dict[int, tuple[Any, Any]]:
    """The group and the end of retention of recordings that a pending job has not brought to the rules yet.

    Recordings that are kept by the rules already are left out: what is stored is right.
    """
    jobs = account_jobs.waiting(connection, "retention")
    if not jobs or not positions:
        return {}
    shorten = any(job.what["mayShorten"] for job in jobs)
    found = by_rules(rules_of(connection), among(recordings.c.position, positions))
    rows = connection.execute(
        select(found.c.position, found.c.group_id, found.c.retain_until)
        .join(recordings, recordings.c.position == found.c.position)
        .where(differs(found, shorten=shorten))
    )
    return {row.position: (row.group_id, row.retain_until) for row in rows}


def find(connection: Connection, job: AccountJob, most: int) -> Found:
    """Find the next recordings that are not kept by the rules as they are now. `cursor` is a position."""
    rules, until = rules_of(connection), monotonic() + _LOOKING_SECONDS
    person_ids = job.what["people"]
    first, count = job.cursor or 0, 0
    while True:
        onward = select(_position).where(_position >= first).order_by(_position)
        looked = connection.scalars(onward.limit(max(most, _LOOKED_AT))).all()
        if not looked:
            return Found((), first, count, is_last=True)
        within = first, looked[-1]
        these = _position.between(*within) if person_ids is None else of_people(person_ids, within)
        found = _differing(connection, rules, these, most, shorten=job.what["mayShorten"])
        if len(found) == most:
            done = sum(one <= found[-1] for one in looked)
            return Found(found, found[-1] + 1, count + done, is_last=False)
        count += len(looked)
        first = looked[-1] + 1
        if found or monotonic() > until:
            return Found(found, first, count, is_last=False)


def write(connection: Connection, job: AccountJob, positions: Sequence[int]) -> None:
    """Bring some recordings to the rules as they are in this transaction."""
    found = by_rules(rules_of(connection), among(_position, positions))
    write_rules(connection, found, shorten=job.what["mayShorten"])


def _differing(
    connection: Connection, rules: Rules, which: ColumnElement[bool], most: int, *, shorten: bool
) -> Sequence[int]:
    found = by_rules(rules, which)
    return connection.scalars(
        select(found.c.position)
        .join(recordings, _position == found.c.position)
        .where(differs(found, shorten=shorten))
        .order_by(found.c.position)
        .limit(most)
    ).all()


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
