"""earwitness person: the people who take part in recordings."""

from typing import Annotated, Any

import typer

from earwitness.api.administration import people as calls
from earwitness.api.people_and_endpoints.people import search_people
from earwitness.cli.calling import Id, identity, make, pairs
from earwitness.cli.output import AsJson, ClientId, fail, say, show_table, tell_json

group = typer.Typer(help="People: who owns endpoints, and takes part.", no_args_is_help=True)

Email = Annotated[str | None, typer.Option("--email", help="An email address; an empty one removes it.")]
ThirdPartyId = Annotated[str | None, typer.Option("--third-party-id", help="The source's id for the person.")]
PersonType = Annotated[str | None, typer.Option("--type", help="`staff` or `external`.")]
RetentionGroup = Annotated[
    str | None, typer.Option("--retention-group", metavar="ID", help="The retention group, or `none`.")
]
Endpoints = Annotated[
    list[str] | None,
    typer.Option(
        "--endpoint",
        metavar="TYPE=VALUE",
        help="An endpoint, as phone=447896423595; may be repeated, and replaces all.",
    ),
]
Groups = Annotated[
    list[str] | None,
    typer.Option(
        "--group",
        metavar="NAME=VALUE",
        help="A group, as Department=Support; may be repeated, and replaces all.",
    ),
]


@group.command("list")
def list_(
    client_id: ClientId,
    find: Annotated[str | None, typer.Option("--find", help="Words of a name, address or id.")] = None,
    page: Annotated[int, typer.Option("--page", min=1, help="Which page of a hundred.")] = 1,
    as_json: AsJson = False,
) -> None:
    """List people by name, including inactive ones."""
    body = {"freeText": find, "page": page, "pageSize": 100}
    found = make(client_id, "person list", search_people, body, as_json=as_json)
    if as_json:
        tell_json(found)
        return
    rows = [
        {
            "id": one.id,
            "name": one.full_name if one.is_active else f"{one.full_name} (inactive)",
            "email": one.email,
            "type": one.person_type,
            "endpoints": ", ".join(endpoint.endpoint for endpoint in one.endpoints),
        }
        for one in found.persons
    ]
    show_table(rows, {key: key for key in ("id", "name", "email", "type", "endpoints")})
    say(f"{found.total} in all.")


@group.command("create")
def create(
    client_id: ClientId,
    full_name: Annotated[str, typer.Argument(metavar="FULL_NAME")],
    email: Email = None,
    third_party_id: ThirdPartyId = None,
    person_type: PersonType = None,
    retention_group: RetentionGroup = None,
    endpoint: Endpoints = None,
    group: Groups = None,
    as_json: AsJson = False,
) -> None:
    """Create a person, by default of type `staff`."""
    body = _body(full_name, email, third_party_id, person_type, retention_group, endpoint, group)
    made = make(client_id, "person create", calls.add_person, body, as_json=as_json)
    tell_json(made) if as_json else say(f"Created person {made.id}, {made.full_name}.")


@group.command("set")
def set_(
    client_id: ClientId,
    id_: Id,
    full_name: Annotated[str | None, typer.Option("--full-name", help="The new name.")] = None,
    email: Email = None,
    third_party_id: ThirdPartyId = None,
    person_type: PersonType = None,
    retention_group: RetentionGroup = None,
    endpoint: Endpoints = None,
    group: Groups = None,
    active: Annotated[bool | None, typer.Option(help="Whether the person is active.")] = None,
    as_json: AsJson = False,
) -> None:
    """Change a person; what is not given stays. Search and retention follow the change."""
    body = _body(full_name, email, third_party_id, person_type, retention_group, endpoint, group)
    body |= {} if active is None else {"isActive": active}
    if not body:
        fail("Nothing to change was given: see `earwitness person set --help`.", as_json=as_json)
    changed = make(client_id, "person set", calls.change_person, body, id_=id_, as_json=as_json)
    tell_json(changed) if as_json else say(f"Changed person {changed.id}, {changed.full_name}.")


@group.command("end")
def end(client_id: ClientId, id_: Id, as_json: AsJson = False) -> None:
    """Make a person inactive. Recordings, endpoints and groups stay as they are."""
    ended = make(client_id, "person end", calls.end_person, id_=id_, as_json=as_json)
    tell_json(ended) if as_json else say(f"Ended person {id_}.")


def _body(
    full_name: str | None,
    email: str | None,
    third_party_id: str | None,
    person_type: str | None,
    retention_group: str | None,
    endpoint: list[str] | None,
    group: list[str] | None,
) -> dict[str, Any]:
    """The body of the API's call; a null retention group removes the person from its group."""
    body: dict[str, Any] = {
        "fullName": full_name,
        "email": email,
        "thirdPartyId": third_party_id,
        "personType": person_type,
        "endpoints": endpoint and [{"type": k, "endpoint": v} for k, v in pairs(endpoint, "--endpoint")],
        "autoGroupAssignment": group
        and [{"groupName": name, "groupValue": value} for name, value in pairs(group, "--group")],
    }
    body = {name: value for name, value in body.items() if value is not None}
    if retention_group is not None:
        body["retentionGroupId"] = identity(retention_group)
    return body
