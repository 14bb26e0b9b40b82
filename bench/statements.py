"""What is asked of a database, and a connection of one's own to ask it again on the bare driver."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, PoolProxiedConnection, event

from earwitness.archive.accounts.accounts import Archive

Statement = tuple[str, Any]
"""As it reaches the driver, with its parameters."""


@contextmanager
def statements_of(asking: Connection | Engine) -> Iterator[list[Statement]]:
    """Give a list that each statement is added to, as it is asked."""
    asked: list[Statement] = []

    def remember(_connection: Any, _cursor: Any, sql: str, parameters: Any, *_: Any) -> None:
        asked.append((sql, parameters))

    event.listen(asking, "before_cursor_execute", remember)
    try:
        yield asked
    finally:
        event.remove(asking, "before_cursor_execute", remember)


def connection_of_ones_own(archive: Archive) -> PoolProxiedConnection:
    """Open a connection whose driver nobody else is lent; it is closed when it is let go of."""
    lent = archive.engine.raw_connection()
    lent.detach()
    return lent


def ask_again(lent: PoolProxiedConnection, asked: Sequence[Statement]) -> None:
    """Ask statements of the bare driver, and fetch what they find."""
    driver: Any = lent.dbapi_connection
    for sql, parameters in asked:
        driver.execute(sql, parameters).fetchall()
