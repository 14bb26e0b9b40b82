"""Records the statements that reach a database, and repeats them on the bare driver."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, PoolProxiedConnection, event

from earwitness.archive.accounts.accounts import Archive

Statement = tuple[str, Any]
"""A statement as it reaches the driver, with its parameters."""


@contextmanager
def statements_of(asking: Connection | Engine) -> Iterator[list[Statement]]:
    """A list to which each statement is added when it is executed."""
    asked: list[Statement] = []

    def remember(_connection: Any, _cursor: Any, sql: str, parameters: Any, *_: Any) -> None:
        asked.append((sql, parameters))

    event.listen(asking, "before_cursor_execute", remember)
    try:
        yield asked
    finally:
        event.remove(asking, "before_cursor_execute", remember)


def open_separate_connection(archive: Archive) -> PoolProxiedConnection:
    """Open a connection outside of the pool. It is closed when it is garbage collected."""
    lent = archive.engine.raw_connection()
    lent.detach()
    return lent


def ask_again(lent: PoolProxiedConnection, asked: Sequence[Statement]) -> None:
    """Execute recorded statements on the bare driver, and fetch their rows."""
    driver: Any = lent.dbapi_connection
    for sql, parameters in asked:
        driver.execute(sql, parameters).fetchall()
