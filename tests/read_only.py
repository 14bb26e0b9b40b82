"""Archives that several tests share. A write fails, so that no test depends on another."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event

_CHANGES = ("INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP")


@contextmanager
def only_read(engine: Engine) -> Iterator[None]:
    """Fail each statement of an engine that changes something, until the block is left."""

    def check(_connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        assert not statement.lstrip().upper().startswith(_CHANGES), f"the archive is shared: {statement}"

    event.listen(engine, "before_cursor_execute", check)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", check)
