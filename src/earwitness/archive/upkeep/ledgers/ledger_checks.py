"""Holds an account against the log of its ledger, in slices, while the server runs.

Each slice is a read of its own, which sees one moment: what an action changes and its row in the ledger are
one transaction, so a slice needs no other. The log is checked as it was when the check began.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, func, select

from earwitness.archive.accounts.accounts import Accounts, Archive
from earwitness.archive.ledger.checking.against import differences_from
from earwitness.archive.ledger.checking.checks import CHECKS
from earwitness.archive.ledger.checking.differences import Checked, Difference
from earwitness.archive.ledger.checking.log import THE_LOG, LogCheck, log_check
from earwitness.archive.ledger.signing import signer_of
from earwitness.archive.schema.ledger import ledger_leaves
from earwitness.archive.schema.work import audit_headers
from earwitness.archive.upkeep.ledgers import ledger_beginning, ledger_heads
from earwitness.archive.upkeep.ledgers.ledger_log import first_origin


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What the log does not have yet, for a reason that is known."""

    pending: int
    """Actions that are added within seconds."""
    open: int
    """What is done in batches, and is not through."""
    is_beginning: bool
    """Whether the log of an older archive has not begun with all that there was."""


def begin(archive: Archive, accounts: Accounts) -> LogCheck:
    """Begin a check of an account, which `slice_of` goes on with."""
    key = accounts.identity.ledger_key()
    with archive.read() as connection:
        origin = first_origin(connection, accounts)
        return log_check(connection, lambda of: signer_of(of, key).verifier, origin)


def slice_of(archive: Archive, log: LogCheck, name: str, first: int, most: int | None = None) -> Checked:
    """Do one slice of the check with this name, from the number `first` on."""
    check = CHECKS[name]
    with archive.read() as connection:
        checked = check.look(log)(connection, first, most or check.at_once)
    if name == "gone" and checked.differences:
        return replace(checked, differences=_with_third_party_ids(archive, checked))
    return checked


def check_all(
    archive: Archive, accounts: Accounts, against: bytes | None = None
) -> Iterator[tuple[str, Checked]]:
    """Check everything. Yields the name of each check with each of its slices.

    `against` is the signed note of a checkpoint that was kept elsewhere.
    """
    log = begin(archive, accounts)
    yield "heads", Checked(0, _of_heads(archive, accounts), None)
    for name in CHECKS:
        first: int | None = 0
        while first is not None:
            checked = slice_of(archive, log, name, first)
            yield name, checked
            first = checked.next
    if against is not None:
        with archive.read() as connection:
            yield "against", Checked(0, list(differences_from(log, connection, against)), None)


def unfinished(connection: Connection) -> Unfinished:
    header = audit_headers.c
    is_open = header.ordered_by_header_id.is_not(None) & ~header.is_pending
    in_log = select(ledger_leaves.c.leaf_index).where(ledger_leaves.c.audit_header_id == header.id)
    count = select(func.count()).select_from(audit_headers)
    return Unfinished(
        pending=connection.scalar(count.where(header.is_pending)) or 0,
        open=connection.scalar(count.where(is_open, ~in_log.exists())) or 0,
        is_beginning=ledger_beginning.is_left(connection),
    )


def _of_heads(archive: Archive, accounts: Accounts) -> list[Difference]:
    """Compare with the last checkpoint that is kept beside the key and in the media store."""
    heads = ledger_heads.compare(archive, accounts)
    if heads.fork is None:
        return []
    difference = (
        f"The log has {heads.tables.size} actions, and does not go on from the checkpoint of "
        f"{heads.fork.size} that others were given: an older copy was restored, or it was changed."
    )
    return [Difference(THE_LOG, "last checkpoint", difference)]


def _with_third_party_ids(archive: Archive, checked: Checked) -> list[Difference]:
    """Name recordings that are gone as their sources did: receipts of what was acknowledged know that."""
    read, _ = archive.receipts.read(whole=True)
    names: dict[Any, str] = {one.interaction_id: one.third_party_id for one in read.receipts}
    return [
        replace(one, thing=replace(one.thing, third_party_id=names.get(one.thing.entity_id)))
        for one in checked.differences
    ]
