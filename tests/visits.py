"""How much the statements of a connection read: counted, not timed.

SQLite's steps by its progress handler, PostgreSQL's rows by EXPLAIN ANALYZE.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event, text


@contextmanager
def visits(connection: Connection) -> Iterator[list[int]]:
    """A list of numbers, whose sum is what was read in the block."""
    counting = _steps if connection.dialect.name == "sqlite" else _rows
    with counting(connection) as counted:
        yield counted


@contextmanager
def _steps(connection: Connection) -> Iterator[list[int]]:
    counted: list[int] = []
    driver: Any = connection.connection.driver_connection
    driver.set_progress_handler(lambda: counted.append(10), 10)
    yield counted
    driver.set_progress_handler(None, 0)


@contextmanager
def _rows(connection: Connection) -> Iterator[list[int]]:
    counted: list[int] = []
    # So few rows are soonest read all; what is to be seen is which index serves when there are many.
    connection.execute(text("SET LOCAL enable_seqscan = off"))
    driver: Any = connection.connection.driver_connection

    def explain(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        explained = driver.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters).fetchone()
        counted.append(_rows_of(explained[0][0]["Plan"]))

    event.listen(connection, "before_cursor_execute", explain)
    yield counted
    event.remove(connection, "before_cursor_execute", explain)


def _rows_of(node: dict[str, Any]) -> int:
    """The rows that a plan's scans read, those included that they left out."""
    inner = sum(map(_rows_of, node.get("Plans", ())))
    if "Scan" not in node["Node Type"]:
        return inner
    removed = ("Rows Removed by Filter", "Rows Removed by Index Recheck")
    read: float = node["Actual Rows"] + sum(node.get(rows, 0) for rows in removed)
    loops: int = node["Actual Loops"]
    return inner + round(read * loops)
