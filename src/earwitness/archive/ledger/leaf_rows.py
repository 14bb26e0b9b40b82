"""The bytes of an action's leaf and of the rows under it, out of what is stored: always the same bytes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from earwitness.archive.database.in_list import among
from earwitness.archive.ledger.changed import ABSENT
from earwitness.archive.ledger.ledger import HEADER_SALTS
from earwitness.archive.ledger.tree.appending import append
from earwitness.archive.ledger.tree.commitments import SALT_BYTES, canonical, commitment
from earwitness.archive.ledger.tree.hashing import leaf_hash, split_hashes
from earwitness.archive.ledger.tree.leaves import Checkpoint, Leaf, LeafType, Row, leaf_bytes, row_bytes
from earwitness.archive.ledger.tree.tiles import Tile, TileDamaged
from earwitness.archive.schema.ledger import audit_changes
from earwitness.archive.schema.work import audit_headers, audit_rows

_ROWS_AT_ONCE = 1_000

FEW_ROWS = 256
"""The tree of so many rows is made anew for a proof; the tiles of a larger one are stored."""

STORED_ROWS = (
    select(audit_rows, audit_changes)
    .outerjoin(audit_changes, audit_changes.c.audit_row_id == audit_rows.c.id)
    .order_by(audit_rows.c.id)
)
"""Rows with what they changed, as `row_of` reads them."""


@dataclass(frozen=True, slots=True)
class MadeLeaf:
    """The leaf of one action, and how many rows are under it; of many rows also the tiles of their tree."""

    header: int
    leaf: bytes
    rows: int
    row_tiles: Mapping[Tile, bytes]


def leaf_of(connection: Connection, header: Any, type_: LeafType) -> MadeLeaf:
    """The leaf of a header's action. Reads all its rows, which may be many: not in a write."""
    tree = append(0, _nothing_stored, [leaf_hash(row_bytes(one)) for one in rows_of(connection, header.id)])
    user_salt, address_salt, request_salt = split_salts(header.salts)
    leaf = Leaf(
        type=type_,
        header=header.id,
        at=header.inserted_at,
        method=header.method,
        route=header.route,
        description=header.description,
        user=commitment(user_salt, header.username.encode()).hex(),
        user_id=header.user_id,
        address=commitment(address_salt, header.ip_address.encode()).hex(),
        request=commitment(request_salt, header.request_id.encode()).hex() if header.request_id else None,
        order=header.ordered_by_header_id,
        rows=tree.size,
        rows_root=tree.root.hex(),
        previous=_previous(connection, header.id) if type_ == "recover" else None,
    )
    return MadeLeaf(header.id, leaf_bytes(leaf), tree.size, tree.tiles if tree.size > FEW_ROWS else {})


def header_of(connection: Connection, header_id: int) -> Any:
    """A header, as `leaf_of` reads it."""
    return connection.execute(select(audit_headers).where(audit_headers.c.id == header_id)).one()


def _previous(connection: Connection, header_id: int) -> Checkpoint:
    """What a log replaces, as the one row of its first action says."""
    row = select(audit_rows.c.metadata).where(audit_rows.c.audit_header_id == header_id)
    named = connection.scalars(row).one()
    return Checkpoint(named["origin"], named["size"], named["root"])


def _nothing_stored(tile: Tile) -> bytes:
    raise TileDamaged(f"{tile.path} of a new tree cannot be stored.")


def split_salts(salts: bytes) -> list[bytes]:
    """The salts of a header: of its user, its address and its request."""
    return [salts[at : at + SALT_BYTES] for at in range(0, HEADER_SALTS * SALT_BYTES, SALT_BYTES)]


def rows_of(connection: Connection, header_id: int) -> Iterator[Row]:
    """The rows under a header, by id, as the log has them."""
    stored = STORED_ROWS.where(audit_rows.c.audit_header_id == header_id)
    with connection.execute(stored.execution_options(yield_per=_ROWS_AT_ONCE)) as rows:
        yield from map(row_of, rows)


def row_of(stored: Any) -> Row:
    """A row as the log has it, out of `audit_rows` and `audit_changes`."""
    before = after = None
    if stored.parts is not None:
        before = _named(stored.parts, stored.before_digests)
        after = _named(stored.parts, stored.after_digests)
    return Row(
        entity=stored.entity_name,
        id=stored.entity_id,
        parent=stored.parent_entity_name,
        parent_id=stored.parent_entity_id,
        code=stored.response_code,
        metadata=_sealed(stored.seal, stored.metadata),
        before=before,
        after=after,
        record=None if stored.record_digest is None else stored.record_digest.hex(),
    )


def _sealed(seal: bytes | None, metadata: Mapping[str, Any] | None) -> str | None:
    """The commitment to what a row says: made of its salt, or kept in its place once that was erased."""
    if seal is None:
        return None
    return (commitment(seal, canonical(metadata)) if len(seal) == SALT_BYTES else seal).hex()


def _named(parts: Sequence[str], digests: bytes) -> dict[str, str] | None:
    found = zip(parts, split_hashes(digests), strict=True)
    return {part: digest.hex() for part, digest in found if digest != ABSENT} or None


def pending_headers(connection: Connection, most: int) -> list[tuple[Any, LeafType]]:
    """The oldest headers that are not in the log, each with the type of its leaf."""
    pending = select(audit_headers).where(audit_headers.c.is_pending).order_by(audit_headers.c.id).limit(most)
    headers = connection.execute(pending).all()
    column = audit_headers.c.ordered_by_header_id
    of_these = among(column, [one.id for one in headers])
    orders = set(connection.scalars(select(column).where(of_these, column.is_not(None))))
    return [(one, _type_of(one, orders)) for one in headers]


def _type_of(header: Any, orders: set[int | None]) -> LeafType:
    if header.ordered_by_header_id is not None:
        return "end"
    return "order" if header.id in orders else "action"
