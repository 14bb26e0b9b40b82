"""Commits of PostgreSQL that a synchronous standby was to have, and does not.

Where the wait for the standby is cancelled (by an operator, or a pooler's time limit), PostgreSQL answers
that the commit is done, and says in a warning alone that the standby may not have it. To whoever waits for
that commit it is one whose word was lost: it may be there, and is to be tried again.
"""

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

if TYPE_CHECKING:
    from psycopg import Connection as PostgresConnection
    from psycopg.errors import Diagnostic

_WAITS = "SyncRepWaitForLSN"
"""The function of PostgreSQL that warns: the text of the warning is in the server's language."""


class NotOnStandby(Exception):
    """A commit is on the primary, and may not be on its standby."""


def listen_for_local_commits(engine: Engine) -> None:
    """Note the warnings of each connection of a PostgreSQL engine."""

    @event.listens_for(engine, "connect")
    def listen(connection: "PostgresConnection[Any]", entry: ConnectionPoolEntry) -> None:
        def note(diagnostic: "Diagnostic") -> None:
            if diagnostic.source_function == _WAITS:
                entry.info[NotOnStandby] = True

        connection.add_notice_handler(note)


def check_committed(connection: Connection) -> None:
    """Raise OperationalError if the commit that has just been made is not known to be on the standby."""
    if connection.info.pop(NotOnStandby, False):
        raise OperationalError("COMMIT", None, NotOnStandby("the wait for the standby was cancelled"))
