"""Holds the log against a checkpoint that was kept elsewhere: the only way to notice an older copy of all."""

from collections.abc import Iterator

from sqlalchemy import Connection

from earwitness.archive.ledger.checking.differences import Difference
from earwitness.archive.ledger.checking.log import THE_LOG, LogCheck
from earwitness.archive.ledger.notes.signed_note import NoteRefused
from earwitness.archive.ledger.signing import generation_of


def differences_from(log: LogCheck, connection: Connection, note: bytes) -> Iterator[Difference]:
    """What differs between the log and the signed note of a checkpoint."""
    try:
        kept = log.verified(note)
    except NoteRefused as error:
        yield Difference(THE_LOG, "kept checkpoint", f"It is not one that this ledger has signed: {error}.")
        return
    name = f"kept checkpoint of {kept.size}"
    if generation_of(kept.origin) > generation_of(log.origin):
        yield Difference(THE_LOG, name, f"It is of a later log, {kept.origin}: this one is an older copy.")
    elif kept.size > log.size:
        difference = f"The log has {log.size} actions: it was cut off, or this is an older copy."
        yield Difference(THE_LOG, name, difference)
    elif log.root(connection, kept.size) != kept.root:
        difference = "The log has another root at that size: what it had then was changed."
        yield Difference(THE_LOG, name, difference)
