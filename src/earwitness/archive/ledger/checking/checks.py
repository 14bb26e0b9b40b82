"""All checks of the ledger: one row for each. It is done in slices, so that no read takes long."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, FromClause, func, select

from earwitness.archive.ledger.checking.differences import Checked
from earwitness.archive.ledger.checking.entities import check_entities
from earwitness.archive.ledger.checking.log import LogCheck
from earwitness.archive.ledger.checking.recordings import check_gone, check_recordings
from earwitness.archive.ledger.checking.strays import check_headers, check_numbers, check_older, check_rows
from earwitness.archive.ledger.entity_states import ENTITY_ROWS
from earwitness.archive.ledger.older_actions import AUDIT_LOG
from earwitness.archive.schema.ledger import ledger_leaves
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.work import audit_headers, audit_rows

Look = Callable[[Connection, int, int], Checked]
"""Checks from a number on (an id or a position), so many at once."""


@dataclass(frozen=True, slots=True)
class Check:
    """What is checked, how, and the rows that are counted, one for each."""

    look: Callable[[LogCheck], Look]
    rows: FromClause | None
    at_once: int

    def total(self, connection: Connection) -> int:
        """About how many there are."""
        if self.rows is None:
            return 1
        return connection.scalar(select(func.count()).select_from(self.rows)) or 0


def _of_entities(entity_name: str) -> Check:
    def look(connection: Connection, first: int, most: int) -> Checked:
        return check_entities(connection, entity_name, first, most)

    return Check(lambda _: look, ENTITY_ROWS[entity_name].table, 200)


_STRETCHES = select(audit_rows.c.id).where(audit_rows.c.parent_entity_name == AUDIT_LOG).subquery()

CHECKS: Mapping[str, Check] = {
    "actions": Check(lambda log: log.check, ledger_leaves, 256),
    "headers": Check(lambda _: check_headers, audit_headers, 1_000),
    "older": Check(lambda _: check_older, _STRETCHES, 4),
    "rows": Check(lambda _: check_rows, audit_rows, 5_000),
    "numbers": Check(lambda _: check_numbers, None, 1),
    "recordings": Check(lambda _: check_recordings, recordings, 100),
    "gone": Check(lambda _: check_gone, recordings, 1_000),
    **{name: _of_entities(name) for name in ENTITY_ROWS},
}
"""By name. Recordings are read after the log, whose rows they are held against."""
