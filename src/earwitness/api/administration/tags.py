"""Administration: tags, the account's one catalogue of them, and those of a recording."""

from typing import Annotated

from msgspec import Meta
from sqlalchemy import ColumnElement, Connection, delete, exists, insert, or_, select, update

from earwitness.archive.access.viewer import check_sees_everything
from earwitness.archive.access.visible_recordings import visible_position
from earwitness.archive.ledger.recording_digests import Watched
from earwitness.archive.recordings.tags import find_tag, folded_tag, set_tags, tags_of
from earwitness.archive.schema.recordings import comments, recording_tags, tags
from earwitness.archive.selections.pending import is_tag_pending
from earwitness.archive.text.index import index_recordings
from earwitness.archive.text.reindexing import count_many, index_anew
from earwitness.kernel.errors import BadRequest, Conflict, Fault, NotFound
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import Id, Wire, Word
from earwitness.operations import operations
from earwitness.operations.audit_subjects import by_recording_id
from earwitness.operations.operations import Answer, Audit, Call, with_pending


class RecordingTags(Wire):
    """A recording and its tags, in order; a tag that is not in the catalogue is added to it."""

    recording_id: Id
    tags: Annotated[list[Word], Meta(max_length=1000)]


class Tag(Wire):
    """A tag, and the id that search takes in `tagIds`."""

    id: int
    tag: str


class TagToAdd(Wire):
    """The name of a tag."""

    tag: Word


class TagId(Wire):
    """The id of the tag."""

    id: int


@operations.write(
    "/client/recording/tags",
    method="PUT",
    right=Right.RECORDING_TAG_EDIT,
    audit=Audit("Set tags", by_recording_id),
    refuses=(NotFound,),
)
def set_recording_tags(call: Call, body: RecordingTags) -> RecordingTags:
    """Give a recording exactly these tags."""
    for index, name in enumerate(body.tags):
        _check(f"tags[{index}]", name)
    position = visible_position(call.connection, call.viewer, body.recording_id)
    watched = Watched(call.connection, [position], "tags")
    set_tags(call.connection, {position: body.tags})
    index_recordings(call.connection, [position])
    named = tags_of(call.connection, [position]).get(position, [])
    changed = watched.changed(call.connection).get(position)
    call.changed_recording(body.recording_id, {"tags": named}, changed)
    return RecordingTags(recording_id=body.recording_id, tags=named)


@operations.read("/admin/tag", method="GET", right=(Right.RECORDING_TAG_VIEW, Right.RECORDING_TAG_EDIT))
def list_tags(call: Call) -> list[Tag]:
    """List the account's tags."""
    rows = call.connection.execute(select(tags.c.id, tags.c.tag).order_by(tags.c.id))
    return [Tag(id=row.id, tag=row.tag) for row in rows]


@operations.write("/admin/tag", right=Right.RECORDING_TAG_EDIT, status=201)
def add_tag(call: Call, body: TagToAdd) -> TagId:
    """Add a tag. Tags that differ only in case, or in how it is encoded, are the same, and a conflict."""
    _check("tag", body.tag)
    _check_is_new(call.connection, body.tag)
    added = insert(tags).values(tag=body.tag, tag_folded=folded_tag(body.tag)).returning(tags.c.id)
    tag_id: int = call.connection.execute(added).scalar_one()
    call.changed("Tag", tag_id, {"tag": body.tag})
    return TagId(id=tag_id)


def _count(call: Call, _body: TagToAdd) -> int:
    return count_many(call.connection, "tag", call.id)


@operations.write("/admin/tag/{id}", method="PUT", right=Right.RECORDING_TAG_EDIT, pends=True, prepare=_count)
def rename_tag(call: Call, body: TagToAdd) -> Answer[Tag]:
    """Rename a tag. Its recordings are found by the new name at once, or soon if there are very many."""
    _check("tag", body.tag)
    this = tags.c.id == call.id
    before = _tag(call)
    _check_is_new(call.connection, body.tag, ~this)
    call.connection.execute(update(tags).where(this).values(tag=body.tag, tag_folded=folded_tag(body.tag)))
    index_anew(call.connection, "tag", call.id, call.order, total=call.prepared)
    call.changed("Tag", call.id, {"tag": body.tag, "was": before})
    return with_pending(Tag(id=call.id, tag=body.tag), call.last_ordered)


@operations.write("/admin/tag/{id}", method="DELETE", right=Right.RECORDING_TAG_EDIT)
def delete_tag(call: Call) -> TagId:
    """Delete a tag that no recording and no comment has, and that no job adds or removes.

    Only for users who may see every recording: with `Recording.Private.View`, and without an access policy.
    """
    check_sees_everything(call.viewer)
    before = _tag(call)
    of_comment = comments.c.tag_id == call.id
    in_use = or_(
        exists(select(1).where(recording_tags.c.tag_id == call.id)),
        exists(select(1).where(of_comment, comments.c.withdrawn_at.is_(None))),
    )
    if call.connection.scalar(select(in_use)):
        raise Conflict(f"The tag {before} is in use on recordings or comments.")
    if is_tag_pending(call.connection, call.id):
        raise Conflict(f"A job is still adding or removing the tag {before}; try again when it is done.")
    # Withdrawn comments lose the tag; the ledger has what they were tagged with.
    tagged = call.connection.scalars(select(comments.c.position).where(of_comment).distinct()).all()
    watched = Watched(call.connection, tagged, "comments")
    call.connection.execute(update(comments).where(of_comment).values(tag_id=None))
    call.entries.extend(watched.entries(call.connection))
    call.connection.execute(delete(tags).where(tags.c.id == call.id))
    call.changed("Tag", call.id, {"was": before})
    return TagId(id=call.id)


def _tag(call: Call) -> str:
    found: str | None = call.connection.scalar(select(tags.c.tag).where(tags.c.id == call.id))
    if found is None:
        raise NotFound(f"There is no tag {call.id}.")
    return found


def _check(path: str, tag: str) -> None:
    if not tag.strip():
        raise BadRequest.of(Fault(path, "expected some text"))


def _check_is_new(connection: Connection, tag: str, *but: ColumnElement[bool]) -> None:
    if (known := find_tag(connection, tag, *but)) is not None:
        raise Conflict(f"There is already a tag {tag}, id {known}.")


ROUTES = [set_recording_tags, list_tags, add_tag, rename_tag, delete_tag]
