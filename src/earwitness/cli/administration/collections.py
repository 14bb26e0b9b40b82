"""earwitness hold and earwitness playlist: named lists of recordings."""

from typing import Annotated

import msgspec
import typer

from earwitness.api.administration import legal_holds as hold_calls
from earwitness.api.administration import playlists as playlist_calls
from earwitness.archive.recordings import collections as archived
from earwitness.archive.recordings.collections import Kind
from earwitness.cli.calling import Id, make
from earwitness.cli.output import AsJson, ClientId, fail, say, show_table, tell_json
from earwitness.kernel.strict_json import MAX_INTEGER
from earwitness.operations.operations import Operation

Name = Annotated[str, typer.Argument(metavar="NAME")]
Ids = list[int] | None
InteractionIds = Annotated[
    Ids, typer.Argument(metavar="[INTERACTION_ID]...", min=1, max=MAX_INTEGER, help="The recordings in it.")
]
NewName = Annotated[str | None, typer.Option("--name", help="The new name.")]
Added = Annotated[
    Ids, typer.Option("--add", min=1, max=MAX_INTEGER, help="A recording to add; may be repeated.")
]
Removed = Annotated[
    Ids, typer.Option("--remove", min=1, max=MAX_INTEGER, help="A recording to remove; may be repeated.")
]


def group_of(command: str, kind: Kind, calls: list[Operation], help_: str) -> typer.Typer:
    """The commands of holds, or of playlists."""
    group = typer.Typer(help=help_, no_args_is_help=True)
    list_call, show_call, members_call, add_call, change_call, end_call = calls
    _add_reading(group, command, kind, list_call, show_call)
    _add_listing_members(group, command, kind, members_call)
    _add_beginning_and_end(group, command, kind, add_call, end_call)
    _add_changing(group, command, kind, change_call)
    return group


def _add_reading(
    group: typer.Typer, command: str, kind: Kind, list_call: Operation, show_call: Operation
) -> None:
    @group.command("list", help=f"List the {kind.title}s that have not ended.")
    def list_(client_id: ClientId, as_json: AsJson = False) -> None:
        found = make(client_id, f"{command} list", list_call, as_json=as_json)
        if as_json:
            tell_json(found)
        elif found:
            headings = {"id": "id", "name": "name", "createdAt": "created", "total": "recordings"}
            show_table([msgspec.to_builtins(one) for one in found], headings)
        else:
            say(f"There is no {kind.title} yet.")

    @group.command("show", help=f"Show a {kind.title} and its recordings.")
    def show(client_id: ClientId, id_: Id, as_json: AsJson = False) -> None:
        found = make(client_id, f"{command} show", show_call, id_=id_, as_json=as_json)
        if as_json:
            tell_json(found)
        elif found.interaction_ids is None:
            say(f"{found.name}: {found.total} recordings; `earwitness {command} recordings` lists them.")
        else:
            say(f"{found.name}: {', '.join(map(str, found.interaction_ids)) or 'no recordings'}")


def _add_listing_members(group: typer.Typer, command: str, kind: Kind, members_call: Operation) -> None:
    @group.command("recordings", help=f"List the recordings in a {kind.title}, by start, a page at a time.")
    def recordings(
        client_id: ClientId,
        id_: Id,
        page: Annotated[int, typer.Option("--page", min=1, help="Which page of a thousand.")] = 1,
        as_json: AsJson = False,
    ) -> None:
        body = {"page": page, "pageSize": 1000}
        found = make(client_id, f"{command} recordings", members_call, body, id_=id_, as_json=as_json)
        if as_json:
            tell_json(found)
        else:
            say(", ".join(str(one.interaction_id) for one in found) or "No recordings on this page.")


def _add_beginning_and_end(
    group: typer.Typer, command: str, kind: Kind, add_call: Operation, end_call: Operation
) -> None:
    @group.command("create", help=f"Create a {kind.title}.")
    def create(
        client_id: ClientId, name: Name, interaction_ids: InteractionIds = None, as_json: AsJson = False
    ) -> None:
        body = {"name": name, "interactionIds": interaction_ids}
        made = make(client_id, f"{command} create", add_call, body, as_json=as_json)
        tell_json(made) if as_json else say(f"Created {kind.title} {made.id}, {name}.")

    @group.command("end", help=f"End a {kind.title}: no recording is in it any more. The audit log keeps it.")
    def end(client_id: ClientId, id_: Id, as_json: AsJson = False) -> None:
        ended = make(client_id, f"{command} end", end_call, id_=id_, as_json=as_json)
        tell_json(ended) if as_json else say(f"Ended {kind.title} {id_}.")


def _add_changing(group: typer.Typer, command: str, kind: Kind, change_call: Operation) -> None:
    @group.command("set", help=f"Rename a {kind.title}, put recordings in, take some out.")
    def set_(
        client_id: ClientId,
        id_: Id,
        name: NewName = None,
        add: Added = None,
        remove: Removed = None,
        as_json: AsJson = False,
    ) -> None:
        if name is None and not add and not remove:
            fail(f"Nothing to change was given: see `earwitness {command} set --help`.", as_json=as_json)

        body = {"name": name, "addInteractionIds": add, "removeInteractionIds": remove}
        changed = make(client_id, f"{command} set", change_call, body, id_=id_, as_json=as_json)
        tell_json(changed) if as_json else say(f"{changed.name} has {changed.total} recordings.")


holds = group_of(
    "hold",
    archived.LEGAL_HOLDS,
    hold_calls.ROUTES,
    "Legal holds, which keep recordings whatever retention says.",
)
playlists = group_of(
    "playlist", archived.PLAYLISTS, playlist_calls.ROUTES, "Playlists: recordings to listen to."
)
