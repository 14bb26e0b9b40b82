"""Compiles each statement once in a test process, and not again for the database of each test.

Compiling is most of the cost of a first call. The result is the same for all databases of a kind, since their
dialects differ only in the server that they connect to.
"""

from typing import Any

from sqlalchemy import Engine, create_engine
from sqlalchemy.util import LRUCache

from earwitness.archive.database import engines

_STATEMENTS = 5000


class _Compiled(LRUCache[Any, Any]):
    """Compiled statements, keyed by the name of their dialect instead of the dialect object."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(_of_any(key), default)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(_of_any(key), value)


def _of_any(key: Any) -> Any:
    dialect, *rest = key
    return (dialect.name, *rest)


_compiled = _Compiled(_STATEMENTS)


def _create_engine(*arguments: Any, **given: Any) -> Engine:
    engine = create_engine(*arguments, **given)
    engine._compiled_cache = _compiled
    return engine


def compile_once() -> None:
    engines.create_engine = _create_engine  # type: ignore[attr-defined]
