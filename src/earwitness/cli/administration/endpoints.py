"""earwitness endpoint: phone numbers, email addresses and Teams user ids."""

from typing import Annotated, Any

import typer

from earwitness.api.administration import endpoints as calls
from earwitness.api.people_and_endpoints.endpoints import search_endpoints
from earwitness.archive.people.endpoint_changes import (
    ChangedEndpoint,
    alike_endpoints,
    changed_endpoints,
)
from earwitness.cli.calling import Id, identity, make
from earwitness.cli.output import AsJson, ClientId, fail, opened, say, show_table, tell_json

group = typer.Typer(help="Endpoints: numbers, addresses and Teams user ids.", no_args_is_help=True)

changes = typer.Typer(help="Endpoints that an upgrade changed.", no_args_is_help=True)

Label = Annotated[str | None, typer.Option("--label", help="A label; an empty one removes it.")]
Owner = Annotated[
    str | None, typer.Option("--owner", metavar="PERSON_ID", help="The person who owns it, or `none`.")
]
Private = Annotated[bool | None, typer.Option(help="Whether new recordings on it are private.")]


@group.command("list")
def list_(
    client_id: ClientId,
    find: Annotated[str | None, typer.Option("--find", help="Words of its value, label or owner.")] = None,
    page: Annotated[int, typer.Option("--page", min=1, help="Which page of a hundred.")] = 1,
    as_json: AsJson = False,
) -> None:
    """List endpoints by id."""
    body = {"freeText": find, "page": page, "pageSize": 100}
    found = make(client_id, "endpoint list", search_endpoints, body, as_json=as_json)
    if as_json:
        tell_json(found)
        return
    rows = [
        {
            "id": one.id,
            "type": one.type,
            "endpoint": one.endpoint,
            "owner": one.owned_by_full_name,
            "private": "yes" if one.is_private else "",
            "recorded": "yes" if one.is_recorded else "",
        }
        for one in found
    ]
    if rows:
        show_table(rows, {key: key for key in rows[0]})
    else:
        say("There is no such endpoint.")


@group.command("create")
def create(
    client_id: ClientId,
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="`phone`, `email` or `teamsUserId`.")],
    value: Annotated[str, typer.Argument(metavar="VALUE")],
    label: Label = None,
    owner: Owner = None,
    private: Private = None,
    as_json: AsJson = False,
) -> None:
    """Create an endpoint. Different spellings of one value are the same endpoint."""
    body = {"type": type_, "endpoint": value, **_body(label, owner, private)}
    made = make(client_id, "endpoint create", calls.add_endpoint, body, as_json=as_json)
    tell_json(made) if as_json else say(f"Created endpoint {made.id}, {made.endpoint}.")


@group.command("set")
def set_(
    client_id: ClientId,
    id_: Id,
    label: Label = None,
    owner: Owner = None,
    private: Private = None,
    as_json: AsJson = False,
) -> None:
    """Change an endpoint; what is not given stays. Recordings keep their participants and privacy."""
    body = _body(label, owner, private)
    if not body:
        fail("Nothing to change was given: see `earwitness endpoint set --help`.", as_json=as_json)
    changed = make(client_id, "endpoint set", calls.change_endpoint, body, id_=id_, as_json=as_json)
    tell_json(changed) if as_json else say(f"Changed endpoint {changed.id}, {changed.endpoint}.")


@group.command("delete")
def delete(client_id: ClientId, id_: Id, as_json: AsJson = False) -> None:
    """Delete an endpoint that is part of no recording."""
    deleted = make(client_id, "endpoint delete", calls.delete_endpoint, id_=id_, as_json=as_json)
    tell_json(deleted) if as_json else say(f"Deleted endpoint {id_}.")


@changes.command("changed")
def changed(client_id: ClientId, as_json: AsJson = False) -> None:
    """List the endpoints that an upgrade merged, and those that it found to be withheld addresses.

    Their old ids still work. Phone numbers that may be the same, if the 0 in one of them was written as
    `(0)`, are listed too; they are not merged.
    """
    with opened(as_json) as accounts, accounts.open(client_id).read() as connection:
        found, alike = changed_endpoints(connection), alike_endpoints(connection)
    if as_json:
        tell_json({"changed": found, "alike": alike})
        return
    for one in found:
        say(f"Endpoint {one.id} is {one.endpoint}{_owned(one)}{', private' if one.is_private else ''}.")
        for was in one.was:
            if was["id"] != one.id or was["endpoint"] != one.endpoint:
                say(f"  {was['id']} was {was['endpoint']}")
        for lost in one.owners_lost:
            say(f"  Person {lost['personId']} no longer owns endpoint {lost['endpointId']}.")
        for off in one.taken_off:
            say(
                f"  Person {off['personId']} was removed from {off['recordings']} recordings "
                "of unknown callers."
            )
    for pair in alike:
        say(
            f"Endpoint {pair.id}, {pair.endpoint}, may be {pair.other_id}, {pair.other_endpoint}, "
            "written with (0)."
        )
    if not found and not alike:
        say("No endpoint was changed.")


def _owned(one: ChangedEndpoint) -> str:
    return "" if one.owned_by_person_id is None else f", of person {one.owned_by_person_id}"


def _body(label: str | None, owner: str | None, private: bool | None) -> dict[str, Any]:
    """The body of the API's call; a null owner removes the owner."""
    body: dict[str, Any] = {} if label is None else {"label": label}
    body |= {} if private is None else {"isPrivate": private}
    return body | ({} if owner is None else {"ownedByPersonId": identity(owner)})
