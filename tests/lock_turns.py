"""What each write of an archive did while it held the account: counted, not timed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event

_ROWS = (
    "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0) + n_tup_ins + n_tup_upd + n_tup_del)"
    " FROM pg_stat_xact_user_tables"
)


@contextmanager
def lock_turns(engine: Engine) -> Iterator[list[int]]:
    """A list with a number for each write that commits in the block.

    On SQLite it counts tens of steps of its machine, on PostgreSQL rows that were read or written.
    """
    turns: list[int] = []

    def begin(connection: Connection) -> None:
        if not connection.get_execution_options().get("writes", False):
            return
        if connection.dialect.name == "sqlite":
            counted: list[int] = []
            connection.info["counted"] = counted
            driver: Any = connection.connection.driver_connection
            driver.set_progress_handler(lambda: counted.append(1), 10)
            return
        # So few rows are soonest read all; what is to be seen is which index serves when there are many.
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        connection.info["counted"] = connection.exec_driver_sql(_ROWS).scalar_one()

    def commit(connection: Connection) -> None:
        before = connection.info.pop("counted", None)
        if before is None:
            return
        if connection.dialect.name == "sqlite":
            driver: Any = connection.connection.driver_connection
            driver.set_progress_handler(None, 0)
            turns.append(len(before))
        else:
            turns.append(int(connection.exec_driver_sql(_ROWS).scalar_one() - before))

    event.listen(engine, "begin", begin)
    event.listen(engine, "commit", commit)
    try:
        yield turns
    finally:
        event.remove(engine, "begin", begin)
        event.remove(engine, "commit", commit)
