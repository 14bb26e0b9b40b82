"""The account's one catalogue of tags."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select

from earwitness.archive.schema.recordings import recording_tags, tags


def find_or_add_tag(connection: Connection, tag: str) -> int:
    """The id of a tag, whatever its case; it is made as it appears."""
    folded = tag.casefold()
    known = connection.scalar(select(tags.c.id).where(tags.c.tag_folded == folded))
    if known is not None:
        return int(known)
    added = insert(tags).values(tag=tag, tag_folded=folded).returning(tags.c.id)
    return int(connection.execute(added).scalar_one())


def set_tags(connection: Connection, position: int, names: Sequence[str]) -> None:
    """Give a recording these tags, in this order, and no others."""
    connection.execute(delete(recording_tags).where(recording_tags.c.position == position))
    tag_ids = dict.fromkeys(find_or_add_tag(connection, name) for name in names)
    if tag_ids:
        connection.execute(
            insert(recording_tags),
            [
                {"position": position, "ordinal": ordinal, "tag_id": tag_id}
                for ordinal, tag_id in enumerate(tag_ids)
            ],
        )
