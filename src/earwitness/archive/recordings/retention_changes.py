"""Changes of the rules of retention that concern many recordings: a job brings these to the new rules.

The rules themselves change at once. Until the job is through, answers work out from the rules what it has
not written yet.
"""

from collections.abc import Sequence
from time import monotonic

from sqlalchemy import ColumnElement, Connection, select, true

from earwitness.archive.database.in_list import among
from earwitness.archive.jobs.account_jobs import AccountJob, Found
from earwitness.archive.recordings.retention import (
    Rules,
    by_rules,
    differs,
    of_people,
    rules_of,
    write_rules,
)
from earwitness.archive.schema.recordings import recordings

_LOOKED_AT = 2_000
"""How many recordings are looked at in one query for those that differ."""

_LOOKING_SECONDS = 0.5
_position = recordings.c.position


def find(connection: Connection, job: AccountJob, most: int) -> Found:
    """Find the next recordings that are not kept by the rules as they are now. `cursor` is a position."""
    rules, until = rules_of(connection), monotonic() + _LOOKING_SECONDS
    people = job.what["people"]
    first, count = job.cursor or 0, 0
    while True:
        onward = select(_position).where(_position >= first).order_by(_position)
        looked = connection.scalars(onward.limit(_LOOKED_AT)).all()
        if not looked:
            return Found((), first, count, is_last=True)
        these = _position.between(first, looked[-1]) & (true() if people is None else of_people(people))
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
