"""Prove that actions are in the log: POST /ledger/proof. `docs/ledger-format.md` has the format."""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, func, select

from earwitness.api.ledger.log import newest_note, with_all_that_is_committed
from earwitness.archive.access.viewer import Viewer
from earwitness.archive.access.visible_recordings import visible_position
from earwitness.archive.ledger.audited_rows import shown_metadata, shown_to
from earwitness.archive.ledger.leaf_rows import FEW_ROWS, STORED_ROWS, row_of, rows_of, split_salts
from earwitness.archive.ledger.notes.checkpoint import Checkpoint
from earwitness.archive.ledger.proving import tree_of
from earwitness.archive.ledger.tree.commitments import SALT_BYTES, canonical
from earwitness.archive.ledger.tree.hashing import leaf_hash
from earwitness.archive.ledger.tree.leaves import row_bytes
from earwitness.archive.ledger.tree.proof_text import TlogProof, write_proof
from earwitness.archive.ledger.tree.proofs import inclusion_in
from earwitness.archive.schema.ledger import ledger_leaves
from earwitness.archive.schema.work import audit_headers, audit_rows
from earwitness.kernel.errors import BadRequest, Fault, NotFound
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import Id, Page, PageSize, Wire
from earwitness.operations import operations
from earwitness.operations.operations import Answer, Call

_PAGE_SIZE = 25


class ProofWanted(Wire):
    """Either a recording, for all actions on it, or one action by its id in the audit log."""

    recording_id: Id | None = None
    audit_header_id: Id | None = None
    page: Page | None = None
    page_size: PageSize | None = None


class Opening(Wire):
    """What a commitment stands for: SHA-256 of `salt`, in hex, and `value`. The leaf's have no `row`."""

    field: str
    salt: str
    value: str
    row: int | msgspec.UnsetType = msgspec.UNSET


class ProvenRow(Wire):
    """A row under the leaf: its place from 0, its bytes in base64, and the hashes of its proof in hex."""

    index: int
    row: str
    proof: list[str]


class ProvenAction(Wire):
    """A leaf of the log in base64, rows under it, and a proof with the checkpoint, as C2SP's tlog-proof."""

    audit_header_id: int
    leaf_index: int
    leaf: str
    rows: list[ProvenRow]
    openings: list[Opening]
    proof: str


@operations.read(
    "/ledger/proof",
    right=Right.LEDGER_VIEW,
    beforehand=with_all_that_is_committed,
    refuses=(NotFound,),
)
def get_proof(call: Call, body: ProofWanted) -> Answer[list[ProvenAction]]:
    """Prove that the actions on a recording, or one action, are in the log, each with its rows.

    Rows of recordings that the viewer may not see are left out; an action that has no others is not there.
    Work that is done in batches is in the log when it is through.
    """
    size = body.page_size or _PAGE_SIZE
    first = ((body.page or 1) - 1) * size
    if (body.recording_id is None) == (body.audit_header_id is None):
        raise BadRequest.of(Fault("recordingId", "expected either recordingId or auditHeaderId"))
    row = audit_rows.c
    if body.recording_id is None:
        header = _header(call.connection, body.audit_header_id or 0)
        its_rows = STORED_ROWS.where(row.audit_header_id == header.id, shown_to(call.viewer))
        counted = select(func.count()).select_from(its_rows.order_by(None).subquery())
        total = call.connection.scalar(counted) or 0
        if not total and msgspec.json.decode(header.leaf)["rows"]:
            raise _not_there(header.id)  # all that it did is hidden from the viewer
        page = [(header, its_rows.limit(size).offset(first))]
    else:
        visible_position(call.connection, call.viewer, body.recording_id)
        of_recording = (row.parent_entity_name == "Recording") & (row.parent_entity_id == body.recording_id)
        headers, total = _headers(call.connection, of_recording, size, first)
        page = [(one, STORED_ROWS.where(row.audit_header_id == one.id, of_recording)) for one in headers]
    prover = _Prover(call)
    return Answer([prover.prove(*one) for one in page], headers={"X-Total-Count": str(total)})


_LEAVES = select(audit_headers, ledger_leaves.c.leaf_index, ledger_leaves.c.leaf).join(
    ledger_leaves, ledger_leaves.c.audit_header_id == audit_headers.c.id
)


def _header(connection: Connection, header_id: int) -> Any:
    """A header with its leaf. Raises NotFound."""
    header = connection.execute(_LEAVES.where(audit_headers.c.id == header_id)).one_or_none()
    if header is None:
        raise _not_there(header_id)
    return header


def _not_there(header_id: int) -> NotFound:
    return NotFound(f"There is no action {header_id} in the log.")


def _headers(
    connection: Connection, of_recording: ColumnElement[bool], size: int, first: int
) -> tuple[Sequence[Any], int]:
    """A page of the headers of the actions on a recording that are in the log, and how many there are."""
    named = _LEAVES.where(audit_headers.c.id.in_(select(audit_rows.c.audit_header_id).where(of_recording)))
    total = connection.scalar(select(func.count()).select_from(named.subquery())) or 0
    page = named.order_by(ledger_leaves.c.leaf_index).limit(size).offset(first)
    return connection.execute(page).all(), total


class _Prover:
    """Makes the proofs of one call, which share the tiles of the log that they read."""

    def __init__(self, call: Call) -> None:
        note = newest_note(call)
        self._call = call
        self._note = note.encode().decode()
        self._log = tree_of(call.connection, Checkpoint.read(note.text).size)

    def prove(self, header: Any, rows: Select[Any]) -> ProvenAction:
        connection, viewer = self._call.connection, self._call.viewer
        openings = list(_of_header(header))
        proven: list[ProvenRow] = []
        tree = _RowTree(connection, header)
        for one in connection.execute(rows).all():
            index = tree.index(one.id)
            encoded = b64encode(row_bytes(row_of(one))).decode()
            proven.append(ProvenRow(index=index, row=encoded, proof=tree.inclusion(index)))
            openings += _of_row(one, header, index, viewer)
        path = self._log.inclusion(header.leaf_index)
        return ProvenAction(
            audit_header_id=header.id,
            leaf_index=header.leaf_index,
            leaf=b64encode(header.leaf).decode(),
            rows=proven,
            openings=openings,
            proof=write_proof(TlogProof(header.leaf_index, path, self._note)),
        )


class _RowTree:
    """The tree over the rows of one action."""

    def __init__(self, connection: Connection, header: Any) -> None:
        self._connection = connection
        self._header_id = header.id
        self._size: int = msgspec.json.decode(header.leaf)["rows"]
        self._hashes: list[bytes] = []
        self._last = (0, 0)
        if self._size <= FEW_ROWS:
            self._hashes = [leaf_hash(row_bytes(one)) for one in rows_of(connection, header.id)]

    def index(self, row_id: int) -> int:
        """The place of a row, from 0. Rows are asked for by id: what was counted is not counted again."""
        row, (known, index) = audit_rows.c, self._last
        between = row.audit_header_id == self._header_id, row.id >= known, row.id < row_id
        index += self._connection.scalar(select(func.count()).where(*between)) or 0
        self._last = row_id, index
        return index

    def inclusion(self, index: int) -> list[str]:
        if self._hashes:
            return [one.hex() for one in inclusion_in(self._hashes, index)]
        return [one.hex() for one in tree_of(self._connection, self._size, self._header_id).inclusion(index)]


def _of_header(header: Any) -> Iterator[Opening]:
    """Who did it and from where: what the audit log shows to everybody who may read it."""
    values = {"user": header.username, "address": header.ip_address, "request": header.request_id}
    for (field, value), salt in zip(values.items(), split_salts(header.salts), strict=True):
        if value or field != "request":
            yield Opening(field=field, salt=salt.hex(), value=value)


def _of_row(row: Any, header: Any, index: int, viewer: Viewer) -> Iterator[Opening]:
    """What the row says, if the viewer may read all of it in the audit log."""
    if row.seal is None or len(row.seal) != SALT_BYTES:
        return
    if shown_metadata(row, header.route, viewer) == row.metadata:
        value = canonical(row.metadata).decode()
        yield Opening(field="metadata", salt=row.seal.hex(), value=value, row=index)
