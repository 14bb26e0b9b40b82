"""Short prefixes on SQLite: one or two letters with which some word of most recordings begins.

FTS5 collects all matches of a prefix before it returns the first. For `t*` these are nearly all recordings:
in a large archive this one step takes minutes and much memory, a shorter time range does not help, and no
time limit stops it. So the documents that the rest of the search finds are read instead, one by one.
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
    """The part of a query for the index, and the part to read.

    Raises BadRequest for a short prefix in a query that is nested too deeply to be read.
    """
    parts = asked.parts if isinstance(asked, All) else (asked,)
    first = next(_short_prefixes_of(asked), None)
    if first is not None and not can_be_read(asked):
        message = "expected longer words in ANDs and ORs nested this deeply"
        raise BadRequest.of(Fault("freeText", message, first.position))
    if connection.dialect.name != "sqlite":
        return asked, None
    short = {part: {phrase.tokens[-1] for phrase in _short_prefixes_of(part)} for part in parts}
    common = {one for one in set().union(*short.values()) if _is_common(connection, one, searched)}
    read = [part for part, prefixes in short.items() if prefixes & common]
    # The words before the prefix of a phrase are looked up too, so that less has to be read.
    before: list[Node] = [
        Phrase(one.tokens[:-1]) for one in read if isinstance(one, Phrase) and len(one.tokens) > 1
    ]
    indexed = [part for part in parts if part not in read] + before
    return joined(All, indexed) if indexed else None, joined(All, read) if read else None


def _short_prefixes_of(node: Node) -> Iterator[Phrase]:
    match node:
        case Phrase(tokens, prefix):
            if prefix and len(tokens[-1]) <= _SHORT:
                yield node
        case Not(part):
            yield from _short_prefixes_of(part)
        case All(parts) | Either(parts):
            for part in parts:
                yield from _short_prefixes_of(part)


def _is_common(connection: Connection, prefix: str, searched: Searched) -> bool:
    """Whether most of the latest recordings have a word that begins so."""
    kept = searched.index.fts5
    latest = select(*searched.columns_of(kept)).order_by(kept.c.rowid.desc()).limit(_LATEST).subquery()
    has_one = stands_in(list(latest.c), Phrase((prefix,), prefix=True))
    share = connection.scalar(select(func.avg(cast(has_one, Integer))))
    return (share or 0) > 0.5
