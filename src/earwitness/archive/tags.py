"""The account's one catalogue of tags."""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Connection, delete, insert, select

from earwitness.archive.among import POSITIONS, among, as_list
from earwitness.archive.many_rows import insert_many
from earwitness.archive.nested import as_array
from earwitness.archive.schema.recordings import recording_tags, recordings, tags


def find_or_add_tag(connection: Connection, tag: str) -> int:
    """The id of a tag, whatever its case; it is made as it appears."""
    folded = tag.casefold()
    known = connection.scalar(select(tags.c.id).where(tags.c.tag_folded == folded))
    if known is not None:
        return int(known)
    added = insert(tags).values(tag=tag, tag_folded=folded).returning(tags.c.id)
    return int(connection.execute(added).scalar_one())


def set_tags(connection: Connection, named: Mapping[int, Sequence[str]]) -> None:
    """Give the recordings at these positions their tags, in this order, and no others."""
    connection.execute(delete(recording_tags).where(among(recording_tags.c.position, list(named))))
    names = dict.fromkeys(name for tagged in named.values() for name in tagged)
    tag_ids = {name: find_or_add_tag(connection, name) for name in names}
    rows = [
        {"position": position, "ordinal": ordinal, "tag_id": tag_id}
        for position, tagged in named.items()
        for ordinal, tag_id in enumerate(dict.fromkeys(tag_ids[name] for name in tagged))
    ]
    insert_many(connection, recording_tags, rows)


TAGS = as_array(
    select(tags.c.tag)
    .join(recording_tags, recording_tags.c.tag_id == tags.c.id)
    .where(recording_tags.c.position == recordings.c.position)
    .order_by(recording_tags.c.ordinal)
    .correlate(recordings)
    .subquery()
    .c.tag
)
"""The tags of a row of `recordings`, in their order: a list in JSON."""


def tags_of(connection: Connection, positions: Sequence[int]) -> dict[int, list[str]]:
    """The tags of each of these recordings, in their order."""
    rows = connection.execute(_TAGS_OF, {"positions": as_list(positions)}).all()
    return {position: msgspec.json.decode(named) for position, named in rows}


_TAGS_OF = select(recordings.c.position, TAGS).where(among(recordings.c.position, POSITIONS))
