"""The account's catalogue of tags."""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, insert, select

from earwitness.archive.database.bulk_insert import insert_many
from earwitness.archive.database.in_list import POSITIONS, among, as_list
from earwitness.archive.database.json_columns import as_array
from earwitness.archive.ledger.touched import touch
from earwitness.archive.schema.recordings import recording_tags, recordings, tags
from earwitness.archive.spelling.identifiers import folded_identifier
from earwitness.kernel.wire import LONGEST_WORD


def folded_tag(tag: str) -> str:
    """The form in which tags are compared. A tag of invisible characters alone keeps them."""
    return folded_identifier(tag)[:LONGEST_WORD] or tag.casefold()


def find_tag(connection: Connection, tag: str, *but: ColumnElement[bool]) -> int | None:
    """The id of a tag in any spelling; None if there is none.

    Older versions ignored only case, so an archive may have two such tags: the one with this spelling wins.
    """
    folded, spelled = folded_tag(tag), tag.casefold()
    same = select(tags.c.id).where(tags.c.tag_folded.in_({folded, spelled}), *but)
    known = connection.scalar(same.order_by(tags.c.tag_folded != spelled))
    return None if known is None else int(known)


def find_or_add_tag(connection: Connection, tag: str) -> int:
    """The id of a tag in any spelling. A new tag is added as it is written."""
    if (known := find_tag(connection, tag)) is not None:
        return known
    added = insert(tags).values(tag=tag, tag_folded=folded_tag(tag)).returning(tags.c.id)
    tag_id = int(connection.execute(added).scalar_one())
    touch(connection, "Tag", [tag_id])
    return tag_id


def set_tags(
    connection: Connection, named: Mapping[int, Sequence[str]], *, are_new: bool = False
) -> dict[int, list[int]]:
    """Give the recordings at these positions exactly these tags, in this order. Returns the tags' ids.

    Recordings that `are_new` have none that have to go.
    """
    if not are_new:
        connection.execute(delete(recording_tags).where(among(recording_tags.c.position, list(named))))
    names = dict.fromkeys(name for tagged in named.values() for name in tagged)
    tag_ids = {name: find_or_add_tag(connection, name) for name in names}
    given = {
        position: list(dict.fromkeys(tag_ids[name] for name in tagged)) for position, tagged in named.items()
    }
    rows = [
        {"position": position, "ordinal": ordinal, "tag_id": tag_id}
        for position, ids in given.items()
        for ordinal, tag_id in enumerate(ids)
    ]
    insert_many(connection, recording_tags, rows)
    return given


def those_gone(connection: Connection, tag_ids: Sequence[int]) -> Sequence[int]:
    """Which of these tags are not in the catalogue any more."""
    if not tag_ids:
        return ()
    known = set(connection.scalars(select(tags.c.id).where(among(tags.c.id, tag_ids))))
    return [one for one in tag_ids if one not in known]


def change_tags(
    connection: Connection, positions: Sequence[int], add: Sequence[int], remove: Sequence[int]
) -> set[int]:
    """Give recordings these tags, by id, after those that they have, and take these from them.

    Tags that were deleted are left out. Returns the positions whose tags changed.
    """
    known = set(connection.scalars(select(tags.c.id).where(among(tags.c.id, add))))
    add = [one for one in add if one in known]
    had: dict[int, dict[int, int]] = {position: {} for position in positions}
    listed = select(recording_tags).where(among(recording_tags.c.position, positions))
    for row in connection.execute(listed):
        had[row.position][row.tag_id] = row.ordinal
    rows = [
        {"position": position, "tag_id": tag_id, "ordinal": max(tagged.values(), default=-1) + number}
        for position, tagged in had.items()
        for number, tag_id in enumerate((one for one in add if one not in tagged), start=1)
    ]
    removed = {position for position, tagged in had.items() if not tagged.keys().isdisjoint(remove)}
    these = among(recording_tags.c.position, sorted(removed)), among(recording_tags.c.tag_id, remove)
    connection.execute(delete(recording_tags).where(*these))
    insert_many(connection, recording_tags, rows)
    return removed | {row["position"] for row in rows}


TAGS = as_array(
    select(tags.c.tag)
    .join(recording_tags, recording_tags.c.tag_id == tags.c.id)
    .where(recording_tags.c.position == recordings.c.position)
    .order_by(recording_tags.c.ordinal)
    .correlate(recordings)
    .subquery()
    .c.tag
)
"""The tags of a row of `recordings`, in their order: a JSON list."""


def tags_of(connection: Connection, positions: Sequence[int]) -> dict[int, list[str]]:
    """The tags of each of these recordings, in their order."""
    rows = connection.execute(_TAGS_OF, {"positions": as_list(positions)}).all()
    return {position: msgspec.json.decode(named) for position, named in rows}


_TAGS_OF = select(recordings.c.position, TAGS).where(among(recordings.c.position, POSITIONS))
