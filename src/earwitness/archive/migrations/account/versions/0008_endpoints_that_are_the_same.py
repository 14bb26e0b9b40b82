"""Endpoints that are the same

Addresses are folded further than before. Endpoints that are the same now are merged into the one of the
lowest id, and those of withheld addresses lose their owners. The tables are named here as they are at this
revision, and `frozen/` has the folding as it was.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from alembic import op

from earwitness.archive.migrations.account.frozen.addresses import WITHHELD, normalise, shown

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_AT_ONCE = 1000

_endpoints = sa.table(
    "endpoints",
    sa.column("id", sa.BigInteger),
    sa.column("type", sa.Text),
    sa.column("endpoint", sa.Text),
    sa.column("normalised", sa.Text),
    sa.column("metadata", sa.JSON),
    sa.column("owned_by_person_id", sa.BigInteger),
    sa.column("is_private", sa.Boolean),
)
_aliases = sa.table("endpoint_aliases", sa.column("alias_id"), sa.column("endpoint_id"))
_calls = sa.table("inflight_calls", sa.column("endpoint_id"))
_parts = sa.table(
    "recording_endpoints",
    sa.column("position", sa.BigInteger),
    sa.column("endpoint_id", sa.BigInteger),
    sa.column("person_id", sa.BigInteger),
)
_recordings = sa.table("recordings", sa.column("position"), sa.column("interaction_id", sa.BigInteger))
_headers = sa.table(
    "audit_headers",
    sa.column("id", sa.BigInteger),
    *map(
        sa.column, ("method", "route", "description", "username", "inserted_at", "ip_address", "request_id")
    ),
)
_rows = sa.table(
    "audit_rows",
    sa.column("audit_header_id", sa.BigInteger),
    sa.column("entity_name", sa.Text),
    sa.column("entity_id", sa.BigInteger),
    sa.column("parent_entity_name", sa.Text),
    sa.column("parent_entity_id", sa.BigInteger),
    sa.column("metadata", sa.JSON),
    sa.column("response_code", sa.Integer),
)


@dataclass
class _Same:
    """Rows of endpoints that are the same, by their ids, and how they are shown and compared as one."""

    rows: list[Any]
    normalised: str
    endpoint: str = ""
    owner: int | None = None
    owners_lost: list[dict[str, int]] = field(default_factory=list)
    taken_off: list[dict[str, int]] = field(default_factory=list)

    @property
    def id(self) -> int:
        return int(self.rows[0].id)


def upgrade() -> None:
    op.create_table(
        "endpoint_aliases",
        sa.Column("alias_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("endpoint_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["endpoints.id"], name=op.f("endpoint_aliases_endpoint_id_fkey")
        ),
        sa.PrimaryKeyConstraint("alias_id", name=op.f("endpoint_aliases_pkey")),
        if_not_exists=True,
    )
    op.create_index(
        op.f("endpoint_aliases_by_endpoint_id"), "endpoint_aliases", ["endpoint_id"], if_not_exists=True
    )
    connection = op.get_bind()
    changed = list(_changed(connection))
    if not changed:
        return
    header = _header(connection)
    same = _same(connection, changed)
    for row in changed:  # first make room: one may take the value that another had
        _set(connection, row.id, normalised=f"0008:{row.id}")
    for one in same:
        _settle_owner(connection, one, header)
        _merge(connection, one)
        _note(connection, one, header)


def _changed(connection: sa.Connection) -> Iterator[Any]:
    """The endpoints that are compared by another value than before, and those of withheld addresses."""
    every = sa.select(_endpoints).order_by(_endpoints.c.id)
    for row in connection.execute(every, execution_options={"yield_per": _AT_ONCE}):
        now = normalise(row.type, row.endpoint)
        is_done = row.endpoint == WITHHELD and row.owned_by_person_id is None
        if now != row.normalised or (now == WITHHELD and not is_done):
            yield row


def _same(connection: sa.Connection, changed: Sequence[Any]) -> list[_Same]:
    groups: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for row in changed:
        groups[row.type, normalise(row.type, row.endpoint)].append(row)
    ids = {row.id for row in changed}
    column = _endpoints.c
    for (type_, normalised), rows in groups.items():
        unchanged = sa.select(_endpoints).where(column.type == type_, column.normalised == normalised)
        rows += [row for row in connection.execute(unchanged) if row.id not in ids]
        rows.sort(key=lambda row: row.id)
    return [_Same(rows, normalised) for (_, normalised), rows in groups.items()]


def _settle_owner(connection: sa.Connection, same: _Same, header: int) -> None:
    """Keep the owner of the endpoint with most recordings; withheld addresses get none."""
    owned = [row for row in same.rows if row.owned_by_person_id is not None]
    if same.normalised == WITHHELD:
        for row in owned:
            _take_off(connection, same, row, header)
    elif len({row.owned_by_person_id for row in owned}) > 1:
        counts = {row.id: _recordings_of(connection, row.id) for row in owned}
        owned.sort(key=lambda row: (-counts[row.id], row.id))
    if same.normalised != WITHHELD and owned:
        same.owner = owned[0].owned_by_person_id
    lost = {row.owned_by_person_id: row.id for row in reversed(owned) if row.owned_by_person_id != same.owner}
    same.owners_lost = [{"personId": person, "endpointId": lost[person]} for person in sorted(lost)]


def _recordings_of(connection: sa.Connection, endpoint_id: int) -> int:
    part = _parts.c
    counted = sa.select(sa.func.count(part.position.distinct())).where(part.endpoint_id == endpoint_id)
    return connection.scalar(counted) or 0


def _take_off(connection: sa.Connection, same: _Same, row: Any, header: int) -> None:
    """Take the owner of a withheld address off its recordings, except the earliest, which named the owner."""
    part, person = _parts.c, row.owned_by_person_id
    theirs = sa.and_(part.endpoint_id == row.id, part.person_id == person)
    earliest = connection.scalar(sa.select(sa.func.min(part.position)).where(theirs))
    if earliest is None:
        return
    later = sa.and_(theirs, part.position > earliest)
    told = {
        "audit_header_id": header,
        "entity_name": "Recording",
        "parent_entity_name": "Recording",
        "metadata": {"endpointId": same.id, "personTakenOff": person},
        "response_code": 200,
    }
    columns = [sa.literal(value, _rows.c[name].type) for name, value in told.items()]
    ids = _recordings.c.interaction_id
    where = _recordings.c.position.in_(sa.select(part.position).where(later))
    count = connection.scalar(sa.select(sa.func.count(part.position.distinct())).where(later)) or 0
    connection.execute(
        sa.insert(_rows).from_select(
            ["entity_id", "parent_entity_id", *told], sa.select(ids, ids, *columns).where(where)
        )
    )
    connection.execute(sa.update(_parts).where(later).values(person_id=None))
    same.taken_off.append({"personId": person, "recordings": count})


def _merge(connection: sa.Connection, same: _Same) -> None:
    """Give the first everything that the others had. Their ids name it from now on."""
    first, *others = same.rows
    for other in others:
        for table in (_parts, _calls, _aliases):
            moved = sa.update(table).where(table.c.endpoint_id == other.id)
            connection.execute(moved.values(endpoint_id=first.id))
        connection.execute(sa.insert(_aliases).values(alias_id=other.id, endpoint_id=first.id))
        connection.execute(sa.delete(_endpoints).where(_endpoints.c.id == other.id))
    metadata: dict[str, Any] = {}
    for row in reversed(same.rows):
        metadata |= row.metadata
    same.endpoint = shown(first.type, first.endpoint)
    _set(
        connection,
        first.id,
        normalised=same.normalised,
        endpoint=same.endpoint,
        metadata=metadata,
        owned_by_person_id=same.owner,
        is_private=any(row.is_private for row in same.rows),
    )


def _set(connection: sa.Connection, endpoint_id: int, **columns: Any) -> None:
    connection.execute(sa.update(_endpoints).where(_endpoints.c.id == endpoint_id).values(columns))


def _header(connection: sa.Connection) -> int:
    header = sa.insert(_headers).values(
        method="CLI",
        route="earwitness db upgrade",
        description="Endpoints that are the same became one",
        username="earwitness",
        inserted_at=int(time.time() * 1000),
        ip_address="",
        request_id="",
    )
    return int(connection.execute(header.returning(_headers.c.id)).scalar_one())


def _note(connection: sa.Connection, same: _Same, header: int) -> None:
    was = [
        {
            "id": row.id,
            "endpoint": row.endpoint,
            "ownedByPersonId": row.owned_by_person_id,
            "isPrivate": bool(row.is_private),
        }
        for row in same.rows
    ]
    told = {
        "type": same.rows[0].type,
        "endpoint": same.endpoint,
        "was": was,
        "ownedByPersonId": same.owner,
        "ownersLost": same.owners_lost,
        "takenOff": same.taken_off,
        "isPrivate": any(one["isPrivate"] for one in was),
    }
    row = {"entity_id": same.id, "parent_entity_id": same.id, "metadata": told, "response_code": 200}
    named = {"entity_name": "Endpoint", "parent_entity_name": "Endpoint", "audit_header_id": header}
    connection.execute(sa.insert(_rows).values(row | named))
