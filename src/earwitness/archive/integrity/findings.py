"""The findings of checks of a database: damage, and what could not be checked."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError

from earwitness.archive.schema.recordings import recordings


@dataclass(frozen=True, slots=True)
class Damage:
    """Something that is not as it was written: in which table, index or counter, and for which recording."""

    where: str
    reason: str
    interaction_id: int | None = None
    third_party_id: str | None = None

    def told(self) -> dict[str, Any]:
        """The same as JSON, with the keys that damage of media has."""
        return {
            "damage": "database",
            "reason": self.reason,
            "kind": self.where,
            "interactionId": self.interaction_id,
            "thirdPartyId": self.third_party_id,
        }


@dataclass(frozen=True, slots=True)
class NotChecked:
    """Something that could not be checked, and why, as a sentence."""

    reason: str


Finding = Damage | NotChecked


class Broken(Exception):
    """A database could not read its own data; `args[0]` says why."""


@contextmanager
def noticing() -> Iterator[None]:
    """Raise Broken if the database says that it cannot read its own data. Other errors pass unchanged.

    PostgreSQL says so by the codes of class XX, internal errors.
    """
    try:
        yield
    except (DBAPIError, sqlite3.DatabaseError) as error:
        if (reason := damage_in(error)) is None:
            raise
        raise Broken(reason) from None


def damage_in(error: DBAPIError | sqlite3.DatabaseError) -> str | None:
    """What a database says about data that it cannot read; None if the error is another one."""
    cause: Any = error.orig if isinstance(error, DBAPIError) else error
    name, state = getattr(cause, "sqlite_errorname", ""), getattr(cause, "sqlstate", None) or ""
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) or name == "SQLITE_IOERR_READ":
        return str(cause)
    if name.startswith("SQLITE_ERROR") and "malformed" in str(cause):  # its schema cannot be read
        return "malformed database schema"
    if state.startswith("XX"):
        return str(cause.diag.message_primary)
    return None


def recording_at(connection: Connection, position: int) -> tuple[int | None, str | None]:
    """The ids of the recording at a position, if they can be read."""
    try:
        with noticing():
            row = connection.execute(
                select(recordings.c.interaction_id, recordings.c.third_party_id).where(
                    recordings.c.position == position
                )
            ).one_or_none()
    except Broken:
        row = None
    return (None, None) if row is None else (row.interaction_id, row.third_party_id)
