"""Prefixes of a letter or two that most of what is said begins with somewhere, on SQLite.

FTS5 gathers all that a prefix begins before it gives any of it. For `t*` that is nearly every recording: one
step that takes minutes and memory in a large archive, that a shorter time range makes no quicker, and that
no limit breaks off. So the documents are read that the rest of the search finds, one by one.
"""

from collections.abc import Iterator

from sqlalchemy import Connection, Integer, cast, func, select

from earwitness.archive.text.indexes import Searched
from earwitness.archive.text.query import All, Either, Node, Not, Phrase, joined
from earwitness.archive.text.sqlite import can_be_read, stands_in
from earwitness.kernel.errors import BadRequest, Fault

_SHORT = 2
_LATEST = 50


def set_apart(connection: Connection, asked: Node, searched: Searched) -> tuple[Node | None, Node | None]:
    """What of a query the index is asked, and what is to be read. Raises BadRequest if that is too deep."""
    parts = asked.parts if isinstance(asked, All) else (asked,)
    first = next(_short(asked), None)
    if first is not None and not can_be_read(asked):
        message = "expected longer words in ANDs and ORs nested this deeply"
        raise BadRequest.of(Fault("freeText", message, first.position))
    if connection.dialect.name != "sqlite":
        return asked, None
    short = {part: {phrase.tokens[-1] for phrase in _short(part)} for part in parts}
    common = {begun for begun in set().union(*short.values()) if _is_common(connection, begun, searched)}
    read = [part for part, begun in short.items() if begun & common]
    before: list[Node] = [
        Phrase(one.tokens[:-1]) for one in read if isinstance(one, Phrase) and len(one.tokens) > 1
    ]
    indexed = [part for part in parts if part not in read] + before
    return joined(All, indexed) if indexed else None, joined(All, read) if read else None


def _short(node: Node) -> Iterator[Phrase]:
    match node:
        case Phrase(tokens, prefix):
            if prefix and len(tokens[-1]) <= _SHORT:
                yield node
        case Not(part):
            yield from _short(part)
        case All(parts) | Either(parts):
            for part in parts:
                yield from _short(part)


def _is_common(connection: Connection, begun: str, searched: Searched) -> bool:
    """Whether most of the latest recordings have a word that begins so."""
    kept = searched.index.fts5
    latest = select(*searched.columns_of(kept)).order_by(kept.c.rowid.desc()).limit(_LATEST).subquery()
    has_one = stands_in(list(latest.c), Phrase((begun,), prefix=True))
    share = connection.scalar(select(func.avg(cast(has_one, Integer))))
    return (share or 0) > 0.5
