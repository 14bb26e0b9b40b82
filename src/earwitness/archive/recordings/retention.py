"""How long a recording is kept: from its subjects' retention groups, or the account's default.

The rules are applied in two ways with the same result: in Python for a recording that is being ingested, and
in SQL for all recordings that a change of the rules affects, which may be most of the archive.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    Select,
    Subquery,
    Text,
    Update,
    and_,
    bindparam,
    case,
    cast,
    func,
    not_,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.types import TypeEngine

from earwitness.archive.database.in_list import among, as_list, rows_of
from earwitness.archive.ledger.ledger import Entry
from earwitness.archive.ledger.recording_digests import Watched
from earwitness.archive.recordings.retention_groups import LASTS
from earwitness.archive.schema.people import account, people, retention_groups
from earwitness.archive.schema.recordings import recording_endpoints, recordings
from earwitness.kernel.clock import MS_PER_DAY
from earwitness.kernel.errors import Conflict

Durations = dict[str, int | None]
"""Days by type of recording, and under `default` for all other types. None means for ever."""

_NO_GROUP = 0


@dataclass(frozen=True, slots=True)
class Retention:
    """How many days a recording is kept after its end (None: for ever), and the group that decides it."""

    days: int | None
    retention_group_id: int | None

    def retain_until(self, ended_at: int) -> int | None:
        return None if self.days is None else ended_at + self.days * MS_PER_DAY


def days_for(durations: Durations, communication_type: str) -> int | None:
    """The value for a type of recording, else the default."""
    return durations[communication_type] if communication_type in durations else durations.get("default")


def longest(candidates: Iterable[Retention]) -> Retention:
    """The longest one; for ever is longest. Among equals a group comes first, and of groups the lowest id."""
    return max(candidates, key=_length)


def _length(retention: Retention) -> tuple[float, bool, int]:
    days = float("inf") if retention.days is None else retention.days
    group = retention.retention_group_id
    return days, group is not None, -(group or 0)


def retention_of(
    connection: Connection, communication_type: str, subject_person_ids: Iterable[int | None]
) -> Retention:
    """The retention of a recording with these subjects; None stands for a subject whose person is unknown.

    A subject without a group gets the account default, and so does a recording without a subject.
    """
    [retention] = retentions_of(connection, [(communication_type, subject_person_ids)])
    return retention


def retentions_of(
    connection: Connection,
    subjects: Sequence[tuple[str, Iterable[int | None]]],
    *,
    default: Durations | None = None,
    has_groups: bool = True,
) -> list[Retention]:
    """The same for several recordings, each given as its type and subjects.

    The account's `default`, and whether it `has_groups` at all, are given if the caller has looked them up.
    """
    people_of = [(type_, set(persons)) for type_, persons in subjects]
    everybody = set().union(*(persons for _, persons in people_of)) - {None}
    rules = connection.execute(_DEFAULT).scalar_one() if default is None else default
    is_asked = has_groups and everybody
    rows = connection.execute(_GROUPS, {"people": as_list(sorted(everybody))}).all() if is_asked else ()
    groups = {row.id: row for row in rows}

    def of(person: int | None, type_: str) -> Retention:
        if (group := groups.get(person)) is None:
            return Retention(days_for(rules, type_), None)
        return Retention(days_for(group.retention_group, type_), group.retention_group_id)

    return [longest(of(person, type_) for person in persons or {None}) for type_, persons in people_of]


_DEFAULT = select(account.c.default_retention)
_GROUPS = (
    select(people.c.id, people.c.retention_group_id, retention_groups.c.retention_group)
    .join(retention_groups, retention_groups.c.id == people.c.retention_group_id)
    .where(LASTS, among(people.c.id, bindparam("people", type_=Text)))
)


def subjects_at(connection: Connection, positions: Sequence[int]) -> dict[int, list[int | None]]:
    """The persons of the recording subjects at each position; None for a subject whose person is unknown."""
    subjects: dict[int, list[int | None]] = {position: [] for position in positions}
    part = recording_endpoints.c
    are_subjects = part.is_recording_subject == true()
    parts = select(part.position, part.person_id).where(among(part.position, list(subjects)), are_subjects)
    for position, person_id in connection.execute(parts):
        subjects[position].append(person_id)
    return subjects


def recompute(connection: Connection, positions: Sequence[int]) -> None:
    """Recompute until when a few recordings are kept, even if that is earlier than before.

    For recordings that are being ingested, whose end was not known until now.
    """
    for position, subjects in subjects_at(connection, positions).items():
        this = recordings.c.position == position
        row = connection.execute(select(recordings.c.type, recordings.c.ended_at).where(this)).one()
        retention = retention_of(connection, row.type, subjects)
        connection.execute(
            update(recordings)
            .where(this)
            .values(
                retention_group_id=retention.retention_group_id,
                retain_until=retention.retain_until(row.ended_at),
            )
        )


def recompute_for_people(connection: Connection, person_ids: Sequence[int]) -> list[Entry]:
    """Recompute until when the recordings of these subjects are kept. Call it after their groups changed.

    Returns entries for the ledger. Raises Conflict if that is earlier than before and the account does not
    allow it.
    """
    return _recompute(connection, by_rules(rules_of(connection), of_people(person_ids)))


def recompute_for_default(connection: Connection) -> list[Entry]:
    """Recompute until when recordings are kept that the account default applies to.

    Returns entries for the ledger. Raises Conflict if that is earlier than before and the account does not
    allow it.
    """
    return _recompute(connection, by_rules(rules_of(connection), true(), of_default=True))


def _recompute(connection: Connection, found: Subquery) -> list[Entry]:
    if not may_shorten(connection):
        these = select(found.c.position).join(recordings, recordings.c.position == found.c.position)
        if connection.scalar(these.where(is_shorter(found.c.retain_until)).limit(1)) is not None:
            raise shortened()
    others = select(found.c.position).join(recordings, recordings.c.position == found.c.position)
    watched = Watched(connection, connection.scalars(others.where(differs(found))).all(), "retention")
    write_rules(connection, found)
    return watched.entries(connection)


def may_shorten(connection: Connection) -> bool:
    """Whether the account allows that recordings are kept shorter than before."""
    return bool(connection.scalar(select(account.c.may_shorten_retention)))


def shortened() -> Conflict:
    return Conflict(
        "This would shorten how long recordings are kept, which this account does not allow.",
        code="retention-shortened",
    )


def is_shorter(
    after: ColumnElement[int | None], before: ColumnElement[int | None] = recordings.c.retain_until
) -> ColumnElement[bool]:
    """Whether one end of retention is earlier than another; None is never."""
    return and_(after.is_not(None), or_(before.is_(None), after < before))


def differs(found: Subquery, *, shorten: bool = True) -> ColumnElement[bool]:
    """Whether a recording is kept otherwise than was found. Without `shorten`, shorter ones do not count."""
    columns = recordings.c
    other = or_(
        columns.retain_until.is_distinct_from(found.c.retain_until),
        columns.retention_group_id.is_distinct_from(found.c.group_id),
    )
    return other if shorten else and_(other, not_(is_shorter(found.c.retain_until)))


def write_rules(connection: Connection, found: Subquery, *, shorten: bool = True) -> None:
    """Write what was found by rules, where it differs from what is there."""
    connection.execute(writing_rules(found, shorten=shorten))


def writing_rules(found: Subquery, *, shorten: bool = True) -> Update:
    """The statement that does that."""
    return (
        update(recordings)
        .where(recordings.c.position == found.c.position, differs(found, shorten=shorten))
        .values(retain_until=found.c.retain_until, retention_group_id=found.c.group_id)
    )


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules of an account, as they are or as they would be after a change."""

    default: Durations
    groups: Mapping[int, Durations]
    moved: Mapping[int, int | None] = field(default_factory=dict)
    """People whose group would be another than it is: None for no group."""


def rules_of(connection: Connection) -> Rules:
    """The rules as they are."""
    default = connection.execute(_DEFAULT).scalar_one()
    groups = connection.execute(
        select(retention_groups.c.id, retention_groups.c.retention_group).where(LASTS)
    )
    return Rules(default, {row.id: row.retention_group for row in groups})


def of_people(person_ids: Sequence[int], within: tuple[Any, Any] | None = None) -> ColumnElement[bool]:
    """Whether one of these people is a subject of a recording. `within`: only between these positions."""
    part = recording_endpoints.c
    theirs = select(part.position).where(
        among(part.person_id, person_ids), part.is_recording_subject == true()
    )
    if within is not None:  # else all their recordings would be listed to find a few
        theirs = theirs.where(part.position.between(*within))
    return recordings.c.position.in_(theirs)


def by_rules(
    rules: Rules,
    which: ColumnElement[bool],
    *,
    of_default: bool = False,
    name: str = "found",
    within: tuple[Any, Any] | None = None,
) -> Subquery:
    """A query of the position, `group_id` and `retain_until` of recordings, by rules.

    `within`: only between these positions, which are said of each table, so that PostgreSQL reads no more.
    """
    part = recording_endpoints.c
    are_subjects = and_(part.position == recordings.c.position, part.is_recording_subject == true())
    if within is not None:
        which = and_(which, recordings.c.position.between(*within))
        are_subjects = and_(are_subjects, part.position.between(*within))
    ranked, types = _ranked(rules, name)
    candidate, winner = ranked.alias(f"{name}_candidate"), ranked.alias(f"{name}_winner")
    ranks = _ranks(rules, candidate, types, are_subjects).where(which)
    if of_default:
        ranks = ranks.having(func.min(candidate.c.group_id) == _NO_GROUP)
    longest_ = ranks.subquery(f"{name}_longest")
    return (
        select(
            longest_.c.position,
            case((winner.c.group_id == _NO_GROUP, null()), else_=winner.c.group_id).label("group_id"),
            (longest_.c.ended_at + cast(winner.c.days, BigInteger) * MS_PER_DAY).label("retain_until"),
        )
        .outerjoin(winner, winner.c.rank == longest_.c.rank)
        .subquery(name)
    )


def _ranks(
    rules: Rules, candidate: FromClause, types: Sequence[str], are_subjects: ColumnElement[bool]
) -> Select[Any]:
    """The rank of the longest rule for each recording: of those of its subjects, or the account default."""
    type_ = case((among(recordings.c.type, types), recordings.c.type), else_="default")
    group_id = func.coalesce(_group_of_person(rules), _NO_GROUP)
    return (
        select(recordings.c.position, recordings.c.ended_at, func.max(candidate.c.rank).label("rank"))
        .select_from(recordings)
        .outerjoin(recording_endpoints, are_subjects)
        .outerjoin(people, people.c.id == recording_endpoints.c.person_id)
        .outerjoin(candidate, and_(candidate.c.group_id == group_id, candidate.c.type == type_))
        .group_by(recordings.c.position, recordings.c.ended_at)
    )


def _group_of_person(rules: Rules) -> ColumnElement[int | None]:
    """The group of a person, as the rules have it: none where they have not the one that is stored."""
    stored = case((people.c.retention_group_id.in_(rules.groups), people.c.retention_group_id))
    if not rules.moved:
        return stored
    moves = [
        (among(people.c.id, [one for one, at in rules.moved.items() if at == to]), to or _NO_GROUP)
        for to in set(rules.moved.values())
    ]
    return case(*moves, else_=stored)


def _ranked(rules: Rules, name: str) -> tuple[CTE, list[str]]:
    """All rules, ranked by length: one for each group (and for none) and each type that has a rule."""
    durations: dict[int, Durations] = {_NO_GROUP: rules.default, **rules.groups}
    types = sorted({"default"}.union(*durations.values()))
    ranked = sorted(
        (_length(Retention(days_for(days, type_), group_id or None)), type_, group_id, days_for(days, type_))
        for group_id, days in durations.items()
        for type_ in types
    )
    rows = [(rank, group_id, type_, days) for rank, (_, type_, group_id, days) in enumerate(ranked)]
    kinds: dict[str, TypeEngine[Any]] = {
        "rank": Integer(),
        "group_id": BigInteger(),
        "type": Text(),
        "days": BigInteger(),
    }
    return rows_of(rows, kinds).cte(f"{name}_rules"), types
