"""Comments on recordings. A withdrawn comment stays in the database, and is not shown any more."""

from typing import Any

from sqlalchemy import Connection, Select, insert, select

from earwitness.archive.recordings.tags import find_or_add_tag
from earwitness.archive.schema.people import users
from earwitness.archive.schema.recordings import comments, tags
from earwitness.kernel.clock import now_ms


def comments_at(position: int) -> Select[Any]:
    """The comments on the recording at a position, oldest first, each with its author and its tag."""
    return (
        select(comments, users.c.username, tags.c.tag)
        .join(users, users.c.id == comments.c.user_id)
        .outerjoin(tags, tags.c.id == comments.c.tag_id)
        .where(comments.c.position == position, comments.c.withdrawn_at.is_(None))
        .order_by(comments.c.inserted_at, comments.c.id)
    )


def add_comment(
    connection: Connection,
    position: int,
    user_id: int,
    comment: str,
    *,
    start_offset_in_seconds: float | None = None,
    end_offset_in_seconds: float | None = None,
    tag: str | None = None,
    bookmark_id: int | None = None,
    inserted_at: int | None = None,
) -> int:
    """Add a comment to the recording at a position. Returns its id. Adds its tag if there is no such tag."""
    added = insert(comments).values(
        position=position,
        user_id=user_id,
        comment=comment,
        start_offset_in_seconds=start_offset_in_seconds,
        end_offset_in_seconds=end_offset_in_seconds,
        tag_id=None if tag is None else find_or_add_tag(connection, tag),
        bookmark_id=bookmark_id,
        inserted_at=now_ms() if inserted_at is None else inserted_at,
    )
    return int(connection.execute(added.returning(comments.c.id)).scalar_one())
