"""Commits that PostgreSQL made without waiting for its synchronous standby.

When the wait for the standby is cancelled (by an operator, or a pooler's time limit), PostgreSQL reports
success, and only a warning says that the standby may not have the commit. Such a commit is treated as one
whose answer was lost: it may be there, and the client has to try again.
"""

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

if TYPE_CHECKING:
    from psycopg import Connection as PostgresConnection
    from psycopg.errors import Diagnostic

_WAITS = "SyncRepWaitForLSN"
"""The function of PostgreSQL that warns. The text is not compared: it is in the server's language."""


class NotOnStandby(Exception):
    """A commit is on the primary, and perhaps not on its standby."""


def listen_for_local_commits(engine: Engine) -> None:
    """Note the warnings of each connection of a PostgreSQL engine."""

    @event.listens_for(engine, "connect")
    def listen(connection: "PostgresConnection[Any]", entry: ConnectionPoolEntry) -> None:
        def note(diagnostic: "Diagnostic") -> None:
            if diagnostic.source_function == _WAITS:
                entry.info[NotOnStandby] = True

        connection.add_notice_handler(note)


def check_committed(connection: Connection) -> None:
    """Raise OperationalError if the standby did not confirm the commit that was just made."""
    if connection.info.pop(NotOnStandby, False):
        raise OperationalError("COMMIT", None, NotOnStandby("the wait for the standby was cancelled"))
