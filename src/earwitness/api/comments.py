"""Comments: GET, POST and DELETE /client/recording/comment."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, UnsetType, field
from sqlalchemy import select, update

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.access.visible_recordings import visible_position
from earwitness.archive.ledger.recording_digests import Watched
from earwitness.archive.recordings.comments import add_comment as add
from earwitness.archive.recordings.comments import comments_at
from earwitness.archive.schema.recordings import comments
from earwitness.kernel.clock import format_ms, now_ms
from earwitness.kernel.errors import BadRequest, Fault, Forbidden, NotFound
from earwitness.kernel.rights import ROLE_RIGHTS, Right, Role
from earwitness.kernel.wire import TEN_YEARS, Id, MomentText, Seconds, Wire, Word
from earwitness.operations import operations
from earwitness.operations.audit_subjects import by_recording_id
from earwitness.operations.operations import Audit, Call

Offset = Annotated[int, TEN_YEARS] | Seconds


class CommentsOfRecording(Wire):
    """The recording; `bID` picks the comments on one bookmark, `cIdf` one comment by its id."""

    recording_id: Id
    b_id: Id | None = field(default=None, name="bID")
    c_idf: Id | None = None


class CommentTag(Wire):
    """A tag of the account's catalogue."""

    id: int
    tag: str


class CommentOut(Wire, kw_only=True):
    """What somebody wrote about a recording, or about the part of it between two offsets."""

    comment: str
    start_offset_in_seconds: int | float
    end_offset_in_seconds: int | float | UnsetType = UNSET
    recording_id: int
    inserted_by_user_id: int
    inserted_by_username: str
    inserted_at: MomentText
    tag: CommentTag | UnsetType = UNSET


class CommentToAdd(Wire, omit_defaults=True):
    """A comment to add. A tag that is not in the catalogue is added to it."""

    recording_id: Id
    comment: str
    start_offset_in_seconds: Offset | None = None
    end_offset_in_seconds: Offset | None = None
    tag: Word | None = None
    bookmark_id: Id | None = None


class CommentToWithdraw(Wire):
    """One comment on one recording."""

    recording_id: Id
    c_idf: Id


class CommentId(Wire):
    """The id of the comment."""

    comment_id: int


@operations.read(
    "/client/recording/comment",
    method="GET",
    right=Right.RECORDING_COMMENT_VIEW,
    audit=Audit("Get comments", by_recording_id),
    refuses=(NotFound,),
)
def get_comments(call: Call, query: CommentsOfRecording) -> list[CommentOut]:
    """Get the comments on a recording, oldest first."""
    position = visible_position(call.connection, call.viewer, query.recording_id)
    rows = comments_at(position)
    if query.b_id is not None:
        rows = rows.where(comments.c.bookmark_id == query.b_id)
    if query.c_idf is not None:
        rows = rows.where(comments.c.id == query.c_idf)
    return [_comment_out(query.recording_id, row) for row in call.connection.execute(rows)]


def _comment_out(recording_id: int, row: Any) -> CommentOut:
    end = row.end_offset_in_seconds
    return CommentOut(
        comment=row.comment,
        start_offset_in_seconds=_number(row.start_offset_in_seconds or 0.0),
        end_offset_in_seconds=UNSET if end is None else _number(end),
        recording_id=recording_id,
        inserted_by_user_id=row.user_id,
        inserted_by_username=row.username,
        inserted_at=format_ms(row.inserted_at),
        tag=UNSET if row.tag_id is None else CommentTag(id=row.tag_id, tag=row.tag),
    )


def _number(seconds: float) -> int | float:
    """Whole seconds as the documentation writes them: 35, not 35.0."""
    return int(seconds) if seconds.is_integer() else seconds


@operations.write(
    "/client/recording/comment",
    right=Right.RECORDING_COMMENT_EDIT,
    status=201,
    audit=Audit("Add comment", by_recording_id),
    refuses=(NotFound,),
)
def add_comment(call: Call, body: CommentToAdd) -> CommentId:
    """Comment on a recording, or on the part of it between two offsets."""
    _check(body)
    position = visible_position(call.connection, call.viewer, body.recording_id)
    watched = Watched(call.connection, [position], "comments")
    comment_id = add(
        call.connection,
        position,
        call.viewer.user_id,
        body.comment,
        start_offset_in_seconds=body.start_offset_in_seconds,
        end_offset_in_seconds=body.end_offset_in_seconds,
        tag=body.tag,
        bookmark_id=body.bookmark_id,
    )
    written = msgspec.to_builtins(body)
    changed = watched.changed(call.connection).get(position)
    call.changed_recording(written.pop("recordingId"), {"commentId": comment_id, **written}, changed)
    return CommentId(comment_id=comment_id)


def _check(body: CommentToAdd) -> None:
    faults = []
    if not body.comment.strip():
        faults.append(Fault("comment", "expected some text"))
    if body.tag is not None and not body.tag.strip():
        faults.append(Fault("tag", "expected some text"))
    start, end = body.start_offset_in_seconds, body.end_offset_in_seconds
    if end is not None and end < (start or 0):
        faults.append(Fault("endOffsetInSeconds", "is before startOffsetInSeconds"))
    if faults:
        raise BadRequest.of(*faults)


@operations.write(
    "/client/recording/comment",
    method="DELETE",
    right=Right.RECORDING_COMMENT_EDIT,
    audit=Audit("Withdraw comment", by_recording_id),
    refuses=(NotFound,),
)
def withdraw_comment(call: Call, query: CommentToWithdraw) -> CommentId:
    """Withdraw a comment, as its author or as Admin. It is no longer shown, and stays in the audit log."""
    position = visible_position(call.connection, call.viewer, query.recording_id)
    this = (comments.c.id == query.c_idf) & (comments.c.position == position)
    author_id = call.connection.scalar(
        select(comments.c.user_id).where(this, comments.c.withdrawn_at.is_(None))
    )
    if author_id is None:
        raise NotFound(f"There is no comment {query.c_idf} on recording {query.recording_id}.")
    if author_id != call.viewer.user_id and not _is_admin(call.viewer):
        raise Forbidden("Only its author or an Admin can withdraw a comment.")
    watched = Watched(call.connection, [position], "comments")
    call.connection.execute(update(comments).where(this).values(withdrawn_at=now_ms()))
    changed = watched.changed(call.connection).get(position)
    call.changed_recording(query.recording_id, {"withdrawnCommentId": query.c_idf}, changed)
    return CommentId(comment_id=query.c_idf)


def _is_admin(viewer: Viewer) -> bool:
    return viewer.rights >= ROLE_RIGHTS[Role.ADMIN]


ROUTES = [get_comments, add_comment, withdraw_comment]
