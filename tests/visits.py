"""How much the statements of a connection read: counted, not timed.

SQLite's steps by its progress handler, PostgreSQL's rows by EXPLAIN ANALYZE.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event, func, select, text

from earwitness.archive.accounts.accounts import Accounts, Archive
from earwitness.kernel.settings import Settings
from tests.firm import CLIENT_ID
from tests.postgres import run_in_postgres
from tests.read_only import only_read


@contextmanager
def filled_once(
    settings: Settings, fill: Callable[[Archive], object], gin_indexes: Sequence[str]
) -> Iterator[Archive]:
    """An archive that is filled, and then may only be read. It is planned for as one that is in use."""
    if settings.database_url:  # the rows that other tests left behind are read as well
        run_in_postgres(settings.database_url, "VACUUM")
    accounts = Accounts(settings)
    archive = accounts.open(CLIENT_ID)
    fill(archive)
    if settings.database_url:  # SQLite plans without statistics: nothing in the program gathers them
        with archive.write() as connection:
            connection.execute(text("ANALYZE"))
            for index in gin_indexes:  # new entries wait beside an index until they are merged
                connection.execute(select(func.gin_clean_pending_list(f"account_{CLIENT_ID}.{index}")))
    with only_read(archive.engine):
        yield archive
    accounts.close()


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
