"""earwitness comment: list the comments on a recording, and withdraw one."""

from typing import Annotated, Any

import typer

from earwitness.api import comments as calls
from earwitness.archive.access.visible_recordings import visible_position
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Entry
from earwitness.archive.recordings.comments import comments_at
from earwitness.cli.calling import InteractionId, make, operator
from earwitness.cli.operator import action
from earwitness.cli.output import AsJson, ClientId, opened, say, show_table, tell_json
from earwitness.kernel.clock import format_ms
from earwitness.kernel.strict_json import MAX_INTEGER

group = typer.Typer(help="Comments on recordings; users write them.", no_args_is_help=True)

CommentId = Annotated[int, typer.Argument(metavar="COMMENT_ID", min=1, max=MAX_INTEGER)]


@group.command("list")
def list_(client_id: ClientId, interaction_id: InteractionId, as_json: AsJson = False) -> None:
    """List the comments on a recording, oldest first. This is recorded in the audit log."""
    with opened(as_json) as accounts:
        archive = accounts.open(client_id)
        with archive.read() as connection:
            position = visible_position(connection, operator(client_id), interaction_id)
            rows = [_row(one) for one in connection.execute(comments_at(position))]
        with archive.write(locked=False) as connection:  # not locked: it only adds rows to the ledger
            ledger.append(connection, action("comment list", "Get comments"), [Entry(interaction_id)])
    if as_json:
        tell_json(rows)
        return
    if rows:
        show_table(
            rows, {"commentId": "comment id", "insertedAt": "at", "username": "by", "comment": "comment"}
        )
    else:
        say(f"There is no comment on recording {interaction_id}.")


@group.command("withdraw")
def withdraw(
    client_id: ClientId, interaction_id: InteractionId, comment_id: CommentId, as_json: AsJson = False
) -> None:
    """Withdraw a comment. It is no longer shown, and stays in the audit log."""
    body = {"recordingId": interaction_id, "cIdf": comment_id}
    withdrawn = make(client_id, "comment withdraw", calls.withdraw_comment, body, as_json=as_json)
    tell_json(withdrawn) if as_json else say(f"Withdrew comment {comment_id}.")


def _row(comment: Any) -> dict[str, Any]:
    return {
        "commentId": comment.id,
        "insertedAt": format_ms(comment.inserted_at),
        "username": comment.username,
        "comment": comment.comment,
        "tag": comment.tag,
    }
