"""The conditions of the filter `freeText`: where the text index finds a query, and what has to be read."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, partial

from sqlalchemy import ColumnElement, CompoundSelect, Connection, Select, Text, bindparam, true, union_all
from sqlalchemy.sql.selectable import NamedFromClause

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.schema.recordings import recordings, transcripts
from earwitness.archive.search.conditions import ColumnCondition, Condition, Excluded, Required
from earwitness.archive.search.position_sets import PositionSet, Prepared, called, prepared_condition
from earwitness.archive.search.short_prefixes import set_apart
from earwitness.archive.text.indexes import NEWER, Searched, index_of
from earwitness.archive.text.parsing import parse
from earwitness.archive.text.postgresql import found_in, says, says_first, tsquery_of
from earwitness.archive.text.query import Node, Not, Phrase
from earwitness.archive.text.sqlite import can_be_read, fts5, is_read_in
from earwitness.kernel.rights import Right

TEXT_SETS = frozenset({"freeText", "transcribed"})
"""The names of the sets that a query makes."""


@dataclass(frozen=True, slots=True)
class FreeText:
    """A query of words as it was parsed, and what the viewer may search for them."""

    query: Node
    searched: Searched


def parse_free_text(connection: Connection, viewer: Viewer, text: str | None) -> FreeText | None:
    """Parse a query for the index that answers now. None where it is blank. Raises BadRequest."""
    if not text:
        return None
    searched = Searched(index_of(connection), viewer.may(Right.RECORDING_TRANSCRIPTION_VIEW))
    query = parse(text, searched.index.reading)
    return None if query is None else FreeText(query, searched)


def text_conditions(connection: Connection, asked: FreeText) -> Iterator[Condition]:
    """The conditions that a query makes. Raises BadRequest if it is nested too deeply to be read."""
    searched = asked.searched
    looked_up, read = set_apart(connection, asked.query, searched)
    if looked_up is not None:
        positions, is_complement = _positions_of(connection, looked_up, searched)
        yield Excluded(positions) if is_complement else Required(positions)
    if read is not None:
        yield ColumnCondition("freeText", is_read_in(recordings.c.position, read, searched))
    if searched.leaves_out_transcribed:
        table = called("transcribed", transcripts)
        yield Excluded(PositionSet("transcribed", table, table.c.position, true(), repeats=False))


def _positions_of(connection: Connection, query: Node, searched: Searched) -> tuple[PositionSet, bool]:
    """A set, and whether the query is false there (True) or true there (False)."""
    if connection.dialect.name == "sqlite":
        return _in_fts5(query, searched)
    return _in_tsvectors(query, searched)


def _in_fts5(query: Node, searched: Searched) -> tuple[PositionSet, bool]:
    hits = fts5(query)
    table = called("freeText", searched.index.fts5)
    whole = searched.index.fts5.name
    # The column is named here and not in the query: the parser's stack has no room for it there.
    matches = table.c["rest" if searched.only_rest else whole].op("MATCH")(hits.found)
    found = Not(query) if hits.complement else query
    holding = partial(is_read_in, node=found, searched=searched) if can_be_read(query) else None
    prepared = None
    if searched == Searched():
        prepared = Prepared(prepared_condition("freeText", table, whole, "MATCH"), hits.found)
    positions = PositionSet(
        "freeText", table, table.c.rowid, matches, False, walked=True, holding=holding, prepared=prepared
    )
    return positions, hits.complement


def _in_tsvectors(query: Node, searched: Searched) -> tuple[PositionSet, bool]:
    phrase = query.part if isinstance(query, Not) else query
    if isinstance(phrase, Phrase):
        return _of_phrase(phrase, searched), phrase is not query
    hits = found_in(searched.index.parts, query, only_rest=searched.only_rest)
    branches = tuple(map(_selected, hits.found))
    whole = _selected(union_all(*hits.found)) if len(branches) > 1 else branches[0]
    return replace(whole, branches=branches), hits.complement


def _of_phrase(phrase: Phrase, searched: Searched) -> PositionSet:
    parts = called("freeText", searched.index.parts)
    tsquery = tsquery_of(phrase, only_rest=searched.only_rest)
    says_it, once = says(parts, tsquery), says_first(parts, tsquery)
    prepared = None
    if searched.index is NEWER:
        condition, once_prepared = _prepared_phrase(parts)
        prepared = Prepared(condition, tsquery, once_prepared)
    return PositionSet("freeText", parts, parts.c.position, says_it, True, once=once, prepared=prepared)


@cache
def _prepared_phrase(parts: NamedFromClause) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    asked = bindparam(parts.name, type_=Text)
    return says(parts, asked), says_first(parts, asked)


def _selected(positions: Select[int] | CompoundSelect[int]) -> PositionSet:
    source = positions.subquery()
    return PositionSet("freeText", source, source.c.position, true(), repeats=False)
