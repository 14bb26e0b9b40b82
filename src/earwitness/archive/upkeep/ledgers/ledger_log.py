"""Keeps the log of an account up to date: what is committed is in it, and in its newest checkpoint.

One thread of a process at a time does so for an account; between processes, the database lets one add at a
time. A log that has forked takes nothing: see `ledger_heads.py`.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, select

from earwitness.archive.accounts.accounts import Accounts, Archive
from earwitness.archive.ledger import integrating
from earwitness.archive.ledger.integrating import Turn
from earwitness.archive.ledger.notes.checkpoint import Checkpoint
from earwitness.archive.ledger.notes.keys import SignerKey
from earwitness.archive.ledger.proving import newest_checkpoint
from earwitness.archive.ledger.signing import new_origin, signed_checkpoint, signer_of
from earwitness.archive.schema.people import LOG_FORKED, account, counters
from earwitness.kernel import deadlines
from earwitness.kernel.errors import OutOfTime


def bring_up_to_date(archive: Archive, accounts: Accounts) -> None:
    """Add everything to the log that is committed now. What others write meanwhile may wait for later.

    If another thread does so already, this waits for it, and then adds what is left.
    """
    with archive.read() as connection:
        if not is_left(connection):
            return
        now = integrating.newest(connection)
    with alone(archive):
        while _turn(archive, accounts, now):
            pass


def take_turn(archive: Archive, accounts: Accounts) -> bool:
    """Add what is committed, or as much as a turn takes. Returns whether more was left."""
    with alone(archive):
        added = _turn(archive, accounts)
    return added is not None and added.is_full


@contextmanager
def alone(archive: Archive) -> Iterator[None]:
    """Wait until no other thread of this process is at the log of the account. Raises OutOfTime."""
    seconds = min(deadlines.seconds_left(), threading.TIMEOUT_MAX)
    if not archive.log.lock.acquire(timeout=max(seconds, 0)):
        raise OutOfTime("The ledger has much to add; try again.", headers={"Retry-After": "5"})
    try:
        yield
    finally:
        archive.log.lock.release()


def _turn(archive: Archive, accounts: Accounts, until: integrating.Newest | None = None) -> Turn | None:
    """Add some of what is committed. Returns None if nothing was left, or nothing as old as `until`."""
    with archive.read() as connection:
        has_forked = forked_at(connection) is not None
        turn = integrating.prepare(connection, *((0,) if has_forked else ()))
        if turn.is_empty or (until is not None and turn.is_after(until)):
            return None
        signer = signer_in(connection, accounts) if turn.leaves else None
    for header, tiles in integrating.row_tiles(turn):
        with archive.write(locked=False) as connection:  # nobody reads them before the leaf is there
            integrating.write_tiles(connection, header, tiles)
    with archive.write(locked=False) as connection:  # it takes the log's own lock
        integrating.add(connection, turn, notes_of(signer) if signer else _unsigned)
    return turn


def is_left(connection: Connection) -> bool:
    """Whether there is something to add, or to number if the log has forked."""
    if forked_at(connection) is None:
        return integrating.is_pending(connection)
    return not integrating.prepare(connection, 0).is_empty


def forked_at(connection: Connection) -> int | None:
    """The size that others were shown of a log that has forked; None of one that has not."""
    value: int | None = connection.scalar(select(counters.c.value).where(counters.c.name == LOG_FORKED))
    return value


def signer_in(connection: Connection, accounts: Accounts) -> SignerKey:
    """Who signs the log of an account: the name that its last checkpoint has, and the key of ledgers."""
    last = newest_checkpoint(connection)
    if last is None:
        return signer_of(first_origin(connection, accounts), accounts.identity.ledger_key())
    return signer_of(Checkpoint.read(last.text).origin, accounts.identity.ledger_key())


def first_origin(connection: Connection, accounts: Accounts) -> str:
    return new_origin(accounts.settings, guid_of(connection))


def guid_of(connection: Connection) -> str:
    return str(connection.scalars(select(account.c.account_guid)).one())


def notes_of(signer: SignerKey) -> Callable[[int, bytes], str]:
    return lambda size, root: signed_checkpoint(signer, size, root).encode().decode()


def _unsigned(_size: int, _root: bytes) -> str:
    raise AssertionError("a turn without leaves makes no checkpoint")
