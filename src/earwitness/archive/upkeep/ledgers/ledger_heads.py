"""Compares the log of an account with what others were shown of it, so that a restored backup is noticed.

The head of a log is its last checkpoint that anybody was given. It is written apart from the database,
before it is given. Only a longer log, or one that replaces this one on purpose, replaces it. A log that is
shorter than its head, or has another root at that size, has forked: an older copy of its database was
restored, or the database was changed. Then nothing is signed until an operator starts a new log
(`ledger_recovery.py`). A place that cannot be read is said, and is no fork.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

from sqlalchemy import Connection, delete, insert, select, update

from earwitness.archive.accounts import states
from earwitness.archive.accounts.accounts import Accounts, Archive
from earwitness.archive.ledger.notes.checkpoint import Checkpoint
from earwitness.archive.ledger.notes.keys import verified
from earwitness.archive.ledger.notes.signed_note import NoteRefused, SignedNote
from earwitness.archive.ledger.proving import tree_of
from earwitness.archive.ledger.signing import account_of, generation_of, signer_of
from earwitness.archive.ledger.tree.hashing import EMPTY_ROOT
from earwitness.archive.schema.ledger import ledger_checkpoints
from earwitness.archive.schema.people import LOG_FORKED, counters
from earwitness.archive.upkeep.ledgers.ledger_log import (
    alone,
    bring_up_to_date,
    first_origin,
    forked_at,
    guid_of,
)
from earwitness.archive.upkeep.overview import overview_of
from earwitness.kernel.clock import now_ms
from earwitness.kernel.errors import Problem, Unavailable
from earwitness.media.stores.ledger_heads import Place, places_of

log = logging.getLogger(__name__)

_BELIEVED_SECONDS = 60.0
_KEPT_WITHIN_MS = 60_000


class LedgerForked(Unavailable):
    """The log of the ledger is not the one that others were shown."""

    default_code = "ledger-forked"

    def __init__(self, size: int, shown: int) -> None:
        super().__init__(
            f"The ledger has {size} actions, and does not go on from the checkpoint of {shown} actions that "
            "others were given: an older copy of the database was restored, or it was changed. Nothing is "
            "signed until an operator has looked into it.",
            headers={"Retry-After": "300"},
        )


@dataclass(frozen=True, slots=True)
class Heads:
    """The heads that were read, and what the database has."""

    kept: Sequence[Checkpoint]
    tables: Checkpoint
    note: str
    """The newest checkpoint of the database, signed; empty if nothing is in the log."""
    is_given: bool
    fork: Checkpoint | None
    """The head that the database does not go on from."""


def show_newest(archive: Archive, accounts: Accounts) -> None:
    """Add what is committed, and let the newest checkpoint be given. Raises LedgerForked and Unavailable."""
    check(archive, accounts)
    bring_up_to_date(archive, accounts)
    show(archive, accounts)


def show(archive: Archive, accounts: Accounts) -> None:
    """Let the newest checkpoint be given to others: it is the head from now on.

    Raises LedgerForked, and Unavailable if no place takes it.
    """
    with alone(archive):
        with archive.read() as connection:
            newest = connection.scalar(_NEWEST_NOTE)
            has_forked = forked_at(connection) is not None
        believed = monotonic() - archive.log.shown_at < _BELIEVED_SECONDS
        if newest and not has_forked and believed and newest == archive.log.shown:
            return
        heads = compare(archive, accounts)
        if heads.fork:
            raise LedgerForked(heads.tables.size, heads.fork.size)
        if heads.note:
            _write(archive, accounts, heads)


def keep_head(archive: Archive, accounts: Accounts) -> None:
    """Let the newest checkpoint be the head if none was for a minute. What keeps it from that is logged."""
    if monotonic() - archive.log.shown_at >= _BELIEVED_SECONDS:
        with suppress(Unavailable):  # it was said where it was found
            show(archive, accounts)


def head_due_at(connection: Connection) -> int | None:
    """When the newest checkpoint is to be the head at the latest; None if it is, or if the log has forked."""
    newest = connection.execute(_NEWEST).one_or_none()
    if newest is None or newest.given_at is not None or forked_at(connection) is not None:
        return None
    due_at = int(newest.signed_at) + _KEPT_WITHIN_MS
    return due_at if due_at > now_ms() else now_ms() + _KEPT_WITHIN_MS  # it was tried, and failed


def check(archive: Archive, accounts: Accounts) -> bool:
    """Compare with the heads, once in a while. Returns whether the log has forked."""
    with alone(archive):
        if monotonic() - archive.log.compared_at < _BELIEVED_SECONDS:
            with archive.read() as connection:
                return forked_at(connection) is not None
        return compare(archive, accounts).fork is not None


def compare(archive: Archive, accounts: Accounts) -> Heads:
    """Compare the log with the heads that are kept, and note in the database whether it has forked."""
    with archive.read() as connection:
        guid = guid_of(connection)
    # The heads first: a head is written after the commit, so the database has at least as much by then.
    kept = [head for place in places_of(accounts.settings, guid) if (head := _read(archive, accounts, place))]
    with archive.read() as connection:
        newest = connection.execute(_NEWEST).one_or_none()
        origin = first_origin(connection, accounts)
        tables = Checkpoint.read(_text(newest.note)) if newest else Checkpoint(origin, 0, EMPTY_ROOT)
        conflicts = [head for head in kept if not _goes_on(connection, head, tables)]
        noted = forked_at(connection)
    fork = max(conflicts, key=order, default=None)
    archive.log.compared_at = monotonic()
    if noted != (fork.size if fork else None):
        _note(archive, fork)
        if fork:
            log.error(
                "account %s: %s `earwitness ledger recover %s` starts a new log",
                archive.client_id,
                LedgerForked(tables.size, fork.size).detail,
                archive.client_id,
            )
    is_given = newest is not None and newest.given_at is not None
    return Heads(kept, tables, newest.note if newest else "", is_given, fork)


def order(head: Checkpoint) -> tuple[int, int]:
    """Of two heads of an account the later one is higher."""
    return generation_of(head.origin), head.size


_NEWEST = select(ledger_checkpoints).order_by(ledger_checkpoints.c.size.desc()).limit(1)
_NEWEST_NOTE = select(ledger_checkpoints.c.note).order_by(ledger_checkpoints.c.size.desc()).limit(1)


def _goes_on(connection: Connection, head: Checkpoint, tables: Checkpoint) -> bool:
    """Whether the log of the database goes on from a head."""
    if generation_of(head.origin) != generation_of(tables.origin):
        return generation_of(head.origin) < generation_of(tables.origin)
    if head.size >= tables.size:
        return (head.size, head.root) == (tables.size, tables.root)
    return tree_of(connection, head.size).root() == head.root


def _read(archive: Archive, accounts: Accounts, place: Place) -> Checkpoint | None:
    """The head of a place. What cannot be read, or is not signed by us, is said, and counts as none."""
    try:
        content = place.read()
        head = None if content is None else _signed_by_us(accounts, place, content)
    except (NoteRefused, UnicodeDecodeError):
        _said(archive, place, "it is damaged")
    except (OSError, Problem) as error:
        _said(archive, place, _cause(error))
    else:
        return head
    return None


def _signed_by_us(accounts: Accounts, place: Place, content: bytes) -> Checkpoint:
    """What a head states. Without this, whoever writes to the bucket could stop the ledger.

    Raises NoteRefused, also for the head of another account.
    """
    note = SignedNote.read(content)
    head = Checkpoint.read(note.text)
    verified(note, [signer_of(head.origin, accounts.identity.ledger_key()).verifier])
    if account_of(head.origin) != place.account_guid:
        raise NoteRefused("It is the head of another account's ledger.")
    return head


def _write(archive: Archive, accounts: Accounts, heads: Heads) -> None:
    """Write the head to every place that has an older one. Raises Unavailable if none has it then."""
    with archive.read() as connection:
        places = list(places_of(accounts.settings, guid_of(connection)))
    written = [_has_written(archive, accounts, place, heads) for place in places]
    if not any(written):
        raise Unavailable(
            "The ledger's newest checkpoint cannot be kept apart from the database, so it is not given yet.",
            headers={"Retry-After": "30"},
        )
    if not heads.is_given:
        with archive.write(locked=False) as connection:  # it writes this row alone
            this = ledger_checkpoints.c.size == heads.tables.size
            connection.execute(update(ledger_checkpoints).where(this).values(given_at=now_ms()))
    archive.log.shown, archive.log.shown_at = heads.note, monotonic()


def _has_written(archive: Archive, accounts: Accounts, place: Place, heads: Heads) -> bool:
    def replaces(content: bytes | None) -> bool:
        try:
            there = None if content is None else _signed_by_us(accounts, place, content)
        except (NoteRefused, UnicodeDecodeError):
            return True  # it was said when it was read
        return there is None or order(there) < order(heads.tables)

    try:
        place.write(heads.note.encode(), replaces)
    except (OSError, Problem) as error:
        _said(archive, place, _cause(error))
        return False
    archive.log.troubles.pop(place.name, None)
    return True


def _said(archive: Archive, place: Place, trouble: str) -> None:
    """Log what is wrong with a place, once."""
    if archive.log.troubles.get(place.name) != trouble:
        archive.log.troubles[place.name] = trouble
        log.warning(
            "account %s: the %s does not keep the last checkpoint of the ledger: %s; without it, a database "
            "that is restored from an older copy may not be noticed",
            archive.client_id,
            place.name,
            trouble,
        )


def _cause(error: OSError | Problem) -> str:
    return error.detail if isinstance(error, Problem) else error.strerror or type(error).__name__


def _note(archive: Archive, fork: Checkpoint | None) -> None:
    """Note whether the log has forked, for all processes, and in the overview that others see."""
    with archive.write(locked=False) as connection:
        set_fork(connection, fork.size if fork else None)
    tell_others(archive)


def tell_others(archive: Archive) -> None:
    """Keep the overview of the account in the directory, where `status`, metrics and `/readyz` see it."""
    with archive.read() as connection:
        overview = overview_of(connection)
    states.keep_overviews(archive.directory, {archive.client_id: overview})


def set_fork(connection: Connection, shown: int | None) -> None:
    connection.execute(delete(counters).where(counters.c.name == LOG_FORKED))
    if shown is not None:
        connection.execute(insert(counters).values(name=LOG_FORKED, value=shown))


def _text(note: str) -> str:
    return SignedNote.read(note.encode()).text
