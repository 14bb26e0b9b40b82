"""earwitness tag: the account's catalogue of tags, and those of a recording."""

from typing import Annotated

import msgspec
import typer

from earwitness.api.administration import tags as calls
from earwitness.cli.calling import Id, InteractionId, make
from earwitness.cli.output import AsJson, ClientId, say, show_table, tell_json

group = typer.Typer(help="Tags: the catalogue, and those of a recording.", no_args_is_help=True)

TagName = Annotated[str, typer.Argument(metavar="TAG")]


@group.command("list")
def list_(client_id: ClientId, as_json: AsJson = False) -> None:
    """List the tags."""
    found = make(client_id, "tag list", calls.list_tags, as_json=as_json)
    if as_json:
        tell_json(found)
    elif found:
        show_table([msgspec.to_builtins(one) for one in found], {"id": "id", "tag": "tag"})
    else:
        say("There is no tag yet.")


@group.command("create")
def create(client_id: ClientId, tag: TagName, as_json: AsJson = False) -> None:
    """Create a tag."""
    made = make(client_id, "tag create", calls.add_tag, {"tag": tag}, as_json=as_json)
    tell_json(made) if as_json else say(f"Created tag {made.id}, {tag}.")


@group.command("rename")
def rename(client_id: ClientId, id_: Id, tag: TagName, as_json: AsJson = False) -> None:
    """Rename a tag, on all recordings and comments."""
    renamed = make(client_id, "tag rename", calls.rename_tag, {"tag": tag}, id_=id_, as_json=as_json)
    tell_json(renamed) if as_json else say(f"Tag {id_} is {tag}.")


@group.command("delete")
def delete(client_id: ClientId, id_: Id, as_json: AsJson = False) -> None:
    """Delete a tag that is on no recording and no comment."""
    deleted = make(client_id, "tag delete", calls.delete_tag, id_=id_, as_json=as_json)
    tell_json(deleted) if as_json else say(f"Deleted tag {id_}.")


@group.command("set")
def set_(
    client_id: ClientId,
    interaction_id: InteractionId,
    tags: Annotated[list[str] | None, typer.Argument(metavar="[TAG]...")] = None,
    as_json: AsJson = False,
) -> None:
    """Give a recording exactly these tags."""
    body = {"recordingId": interaction_id, "tags": tags or []}
    changed = make(client_id, "tag set", calls.set_recording_tags, body, as_json=as_json)
    if as_json:
        tell_json(changed)
    else:
        say(f"Recording {interaction_id} has {', '.join(changed.tags) or 'no tags'}.")
