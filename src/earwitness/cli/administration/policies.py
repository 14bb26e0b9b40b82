"""earwitness policy: access policies, each of which limits the recordings that its users see."""

from typing import Annotated, Any

import typer
from msgspec import to_builtins

from earwitness.api.administration import access_policies as calls
from earwitness.api.administration.users import change_user
from earwitness.archive.access.users import user_id_of
from earwitness.cli.calling import Id, make, make_in, pairs
from earwitness.cli.output import AsJson, ClientId, fail, opened, say, show_table, tell_json
from earwitness.kernel.strict_json import MAX_INTEGER

group = typer.Typer(help="Access policies: which recordings users see.", no_args_is_help=True)

DataGroups = Annotated[
    list[str] | None,
    typer.Option(
        "--data-group", metavar="NAME=VALUE", help="A data group, as Department=Support; may be repeated."
    ),
]
People = Annotated[
    list[int] | None,
    typer.Option(
        "--person",
        metavar="PERSON_ID",
        min=1,
        max=MAX_INTEGER,
        help="A person who took part; may be repeated.",
    ),
]
Types = Annotated[list[str] | None, typer.Option("--type", help="A type of communication; may be repeated.")]


@group.command("list")
def list_(client_id: ClientId, as_json: AsJson = False) -> None:
    """List the access policies."""
    found = make(client_id, "policy list", calls.list_access_policies, as_json=as_json)
    if as_json:
        tell_json(found)
        return
    rows = [{name: _in_words(value) for name, value in to_builtins(one).items()} for one in found]
    if rows:
        show_table(rows, {key: key for key in rows[0]})
    else:
        say("There is no access policy: every user sees the whole account.")


@group.command("create")
def create(
    client_id: ClientId,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    data_group: DataGroups = None,
    person: People = None,
    type_: Types = None,
    as_json: AsJson = False,
) -> None:
    """Create an access policy. A recording must meet each condition, by any one of its values."""
    body = {"name": name, **_conditions(data_group, person, type_)}
    made = make(client_id, "policy create", calls.add_access_policy, body, as_json=as_json)
    tell_json(made) if as_json else say(f"Created access policy {made.id}, {name}.")


@group.command("set")
def set_(
    client_id: ClientId,
    id_: Id,
    name: Annotated[str | None, typer.Option("--name", help="The new name.")] = None,
    data_group: DataGroups = None,
    person: People = None,
    type_: Types = None,
    as_json: AsJson = False,
) -> None:
    """Change an access policy, for all its users at once. A condition given replaces the old one."""
    body = _conditions(data_group, person, type_) | ({} if name is None else {"name": name})
    if not body:
        fail("Nothing to change was given: see `earwitness policy set --help`.", as_json=as_json)
    changed = make(client_id, "policy set", calls.change_access_policy, body, id_=id_, as_json=as_json)
    tell_json(changed) if as_json else say(f"Changed access policy {changed.id}, {changed.name}.")


@group.command("delete")
def delete(client_id: ClientId, id_: Id, as_json: AsJson = False) -> None:
    """Delete an access policy that no user has."""
    deleted = make(client_id, "policy delete", calls.delete_access_policy, id_=id_, as_json=as_json)
    tell_json(deleted) if as_json else say(f"Deleted access policy {id_}.")


@group.command("assign")
def assign(
    client_id: ClientId,
    username: Annotated[str, typer.Argument(metavar="USERNAME")],
    policies: Annotated[list[str] | None, typer.Argument(metavar="[POLICY]...", help="By name.")] = None,
    as_json: AsJson = False,
) -> None:
    """Give a user exactly these access policies. Without any, the user sees the whole account."""
    with opened(as_json) as accounts:
        with accounts.open(client_id).read() as connection:
            user_id = user_id_of(connection, username)
        body = {"policies": policies or []}
        changed = make_in(accounts, client_id, "policy assign", change_user, body, user_id)
    if as_json:
        tell_json(changed)
    else:
        say(f"{changed.username} is limited by {', '.join(changed.policies) or 'no access policy'}.")


def _in_words(value: object) -> object:
    """A value of a policy as the table shows it: `Department: Support, Sales; Desk: Fixed income`."""
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_in_words(one)}" for name, one in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def _conditions(
    groups: list[str] | None, people: list[int] | None, types: list[str] | None
) -> dict[str, Any]:
    """The given conditions, as the body of the API's call has them."""
    by_name: dict[str, list[str]] = {}
    for name, value in pairs(groups, "--data-group"):
        by_name.setdefault(name, []).append(value)
    conditions = {"dataGroups": by_name or None, "personIds": people, "communicationTypes": types}
    return {name: value for name, value in conditions.items() if value}
