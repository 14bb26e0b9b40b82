"""The filters that speak of what is linked to a recording: each is a set of positions.

A link can lead a search (its index gives the positions in the order of time) or check what another found.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    FromClause,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    exists,
    false,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.sql.selectable import NamedFromClause

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.access.visibility import private_to_others
from earwitness.archive.database.in_list import among
from earwitness.archive.database.timeline import Window
from earwitness.archive.schema.people import users
from earwitness.archive.schema.recordings import (
    comments,
    legal_hold_recordings,
    legal_holds,
    playlist_recordings,
    playlists,
    recording_endpoints,
    recording_tags,
    recordings,
    transcripts,
)
from earwitness.archive.search.filters import (
    CommunicationsBetween,
    IdFilter,
    RecordingFilters,
    Side,
)
from earwitness.archive.text.indexes import NEWER, Searched
from earwitness.archive.text.postgresql import found_in, says, says_first, tsquery_of
from earwitness.archive.text.query import Node, Not, Phrase
from earwitness.archive.text.sqlite import can_be_read, fts5, is_read_in
from earwitness.kernel.errors import BadRequest, Fault
from earwitness.kernel.rights import Right


@dataclass(frozen=True, slots=True)
class Prepared:
    """A link's condition as it is whatever is asked, and the parameter it has, by the name of the link.

    A statement of it can be made once, and to make one takes longer than most take to run.
    """

    condition: ColumnElement[bool]
    parameter: Any
    once: ColumnElement[bool] | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """The positions at which `condition` holds in `source`; `repeats` says that one may occur twice.

    One that is `walked` is read quickly in order, and slowly place by place (FTS5).
    """

    name: str
    source: FromClause
    column: ColumnElement[int]
    condition: ColumnElement[bool]
    repeats: bool
    walked: bool = False
    holding: Callable[[ColumnElement[int]], ColumnElement[bool]] | None = None
    """Whether a position that is known is among them, where that is quicker than to look for it here."""
    once: ColumnElement[bool] | None = None
    """A condition under which none occurs twice, where that is counted sooner than repeats are sorted out."""
    branches: "tuple[Link, ...]" = ()
    """The same in parts, none of which has what another has: each may be in order where the whole is not."""
    prepared: Prepared | None = None
    at_most: int | None = None
    """How many there are at the most, where that is plain."""

    @property
    def is_looked_up(self) -> bool:
        """Whether it is in no order that it could be compared in with other large sets."""
        return self.holding is not None and not self.walked

    def positions(self, window: Window) -> Select[Any]:
        condition = self.condition if self.once is None else self.once
        return select(self.column).select_from(self.source).where(condition, *window.on(self.column))

    def holds(self, position: ColumnElement[int]) -> ColumnElement[bool]:
        """Whether a position, of a query around this, is among them."""
        if self.holding is not None:
            return self.holding(position)
        inner = select(1).select_from(self.source).where(self.condition, self.column == position)
        return exists(inner.correlate_except(self.source))


def included(filters: RecordingFilters, viewer: Viewer) -> Iterator[Link]:
    """What is asked for: a recording must be in every one of these."""
    if filters.recording_ids and filters.recording_ids.include:
        yield _own("recordingIds", "interaction_id", filters.recording_ids.include)
    if filters.third_party_ids and filters.third_party_ids.include:
        yield _own("thirdPartyIds", "third_party_id", filters.third_party_ids.include)
    for name, table, key, wanted in _listed(filters):
        if wanted and wanted.include:
            yield linked(name, table, key, wanted.include)
    if filters.user_ids and filters.user_ids.include:
        yield _owned_by("userIds", filters.user_ids.include)
    if filters.has_comments:
        yield _commented(viewer)
    if filters.legal_hold_id is not None:
        yield _member("legalHoldId", legal_holds, legal_hold_recordings, filters.legal_hold_id)
    if filters.playlist_id is not None:
        yield _member("playlistId", playlists, playlist_recordings, filters.playlist_id)
    if filters.communications_between is not None:
        yield from _between(filters.communications_between)


def excluded(filters: RecordingFilters, viewer: Viewer) -> Iterator[Link]:
    """What is left out: a recording must be in none of these."""
    for name, table, key, wanted in _listed(filters):
        if wanted and wanted.exclude:
            yield linked(f"{name}.exclude", table, key, wanted.exclude)
    if filters.user_ids and filters.user_ids.exclude:
        yield _owned_by("userIds.exclude", filters.user_ids.exclude)
    if filters.has_comments is False:
        yield _commented(viewer)
    if not viewer.may(Right.RECORDING_PRIVATE_VIEW):
        yield _private_to_others(viewer)


def newer_than(newest_id: int) -> Link:
    """What was committed after a recording."""
    table = called("newer", recordings)
    return Link("newer", table, table.c.position, table.c.interaction_id > newest_id, False)


def transcribed() -> Link:
    """What has a transcript."""
    table = called("transcribed", transcripts)
    return Link("transcribed", table, table.c.position, true(), False)


def text_link(connection: Connection, asked: Node, searched: Searched) -> tuple[Link, bool]:
    """Where a query of words holds; True with it, where it does not hold but everywhere else."""
    if connection.dialect.name == "sqlite":
        return _in_fts5(asked, searched)
    return _in_parts(asked, searched)


def _in_fts5(asked: Node, searched: Searched) -> tuple[Link, bool]:
    hits = fts5(asked)
    table = called("freeText", searched.index.fts5)
    whole = searched.index.fts5.name
    # A query of a column, and not in the query: the parser's stack has no room for more there.
    matches = table.c["rest" if searched.only_rest else whole].op("MATCH")(hits.found)
    held = Not(asked) if hits.complement else asked
    holding = partial(is_read_in, node=held, searched=searched) if can_be_read(asked) else None
    prepared = None
    if searched == Searched():
        prepared = Prepared(_prepared("freeText", table, whole, "MATCH"), hits.found)
    link = Link("freeText", table, table.c.rowid, matches, False, True, holding, prepared=prepared)
    return link, hits.complement


def _in_parts(asked: Node, searched: Searched) -> tuple[Link, bool]:
    parts = called("freeText", searched.index.parts)
    phrase = asked.part if isinstance(asked, Not) else asked
    if isinstance(phrase, Phrase):
        tsquery = tsquery_of(phrase, only_rest=searched.only_rest)
        says_it, once = says(parts, tsquery), says_first(parts, tsquery)
        prepared = None
        if searched.index is NEWER:
            condition, once_prepared = _prepared_phrase(parts)
            prepared = Prepared(condition, tsquery, once_prepared)
        link = Link("freeText", parts, parts.c.position, says_it, True, once=once, prepared=prepared)
        return link, phrase is not asked
    found = found_in(searched.index.parts, asked, only_rest=searched.only_rest)
    branches = tuple(map(_selected, found.found))
    whole = _selected(union_all(*found.found)) if len(branches) > 1 else branches[0]
    return replace(whole, branches=branches), found.complement


def _selected(positions: Select[int] | CompoundSelect[int]) -> Link:
    source = positions.subquery()
    return Link("freeText", source, source.c.position, true(), False)


def _listed(filters: RecordingFilters) -> Sequence[tuple[str, Table, str, IdFilter | None]]:
    return (
        ("endpointIds", recording_endpoints, "endpoint_id", filters.endpoint_ids),
        ("personIds", recording_endpoints, "person_id", filters.person_ids),
        ("tagIds", recording_tags, "tag_id", filters.tag_ids),
    )


@cache  # an alias copies every column, and is the same for every request
def called(name: str, table: Table) -> NamedFromClause:
    """A table under the name of the filter that looks into it, so that two may look into one table."""
    return table.alias(name)


def _own(name: str, key: str, values: Sequence[Any]) -> Link:
    table = called(name, recordings)
    return Link(name, table, table.c.position, one_of(table.c[key], values), False, at_most=len(values))


def linked(name: str, links: Table, key: str, values: Sequence[int]) -> Link:
    table = called(name, links)
    repeats = links is recording_endpoints or len(values) > 1
    prepared = Prepared(_prepared(name, table, key, "="), values[0]) if len(values) == 1 else None
    return Link(name, table, table.c.position, one_of(table.c[key], values), repeats, prepared=prepared)


@cache
def _prepared(name: str, table: NamedFromClause, key: str, operator: str) -> ColumnElement[bool]:
    column = table.c[key]
    return column.bool_op(operator)(bindparam(name, type_=column.type))


@cache
def _prepared_phrase(parts: NamedFromClause) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    asked = bindparam(parts.name, type_=Text)
    return says(parts, asked), says_first(parts, asked)


def one_of(column: ColumnElement[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    # A single value keeps the index's order of positions; a list would have to be sorted.
    return column == values[0] if len(values) == 1 else among(column, values)


def _owned_by(name: str, user_ids: list[int]) -> Link:
    """A user's recordings: a recording subject is the user's person, or carries the user's name."""
    part = called(name, recording_endpoints)
    chosen = among(users.c.id, user_ids)
    person_ids = select(users.c.person_id).where(chosen, users.c.person_id.is_not(None))
    names = select(users.c.username_folded).where(chosen)
    owned = or_(part.c.person_id.in_(person_ids), part.c.user_folded.in_(names))
    return Link(name, part, part.c.position, and_(part.c.is_recording_subject == true(), owned), True)


def _commented(viewer: Viewer) -> Link:
    table = called("hasComments", comments)
    seen = table.c.withdrawn_at.is_(None) if viewer.may(Right.RECORDING_COMMENT_VIEW) else false()
    return Link("hasComments", table, table.c.position, seen, True)


def _private_to_others(viewer: Viewer) -> Link:
    table = called("private", recordings)
    return Link("private", table, table.c.position, private_to_others(viewer, table), False)


def _member(name: str, catalogue: Table, members: Table, wanted: int) -> Link:
    table = called(name, members)
    key = table.c[f"{catalogue.name.removesuffix('s')}_id"]
    lasting = select(catalogue.c.id).where(catalogue.c.id == wanted, catalogue.c.ended_at.is_(None))
    return Link(name, table, table.c.position, key.in_(lasting), False)


def _between(wanted: CommunicationsBetween) -> Iterator[Link]:
    name = "communicationsBetween"
    first, second = _named(wanted.first, f"{name}.first"), _named(wanted.second, f"{name}.second")
    if len(first) == 1 and first.keys() == second.keys():
        [(key, some)] = first.items()
        others = second[key]
        if set(some).isdisjoint(others):  # then nobody who takes part is on both sides
            yield linked(f"{name}.first", recording_endpoints, key, some)
            yield linked(f"{name}.second", recording_endpoints, key, others)
            return
    one = called("between.first", recording_endpoints)
    other = called("between.second", recording_endpoints)
    source = one.join(other, and_(other.c.position == one.c.position, other.c.ordinal != one.c.ordinal))
    sides = and_(_is_any_of(one, first), _is_any_of(other, second))
    yield Link(name, source, one.c.position, sides, True)


def _named(side: Side, path: str) -> dict[str, list[int]]:
    """Who is named on a side, by the column of their ids."""
    named = {"endpoint_id": side.endpoint_ids, "person_id": side.person_ids}
    if not any(named.values()):
        raise BadRequest.of(Fault(path, "expected endpointIds or personIds"))
    return {key: ids for key, ids in named.items() if ids}


def _is_any_of(part: Any, named: dict[str, list[int]]) -> ColumnElement[bool]:
    return or_(*(one_of(part.c[key], ids) for key, ids in named.items()))
