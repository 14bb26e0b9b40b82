"""earwitness retention: how long recordings are kept, by groups of people and by default."""

import json
from typing import Annotated, Any

import typer

from earwitness.api import retention_groups as calls
from earwitness.cli.calling import Id, make, pairs
from earwitness.cli.output import AsJson, ClientId, fail, say, show_table, tell_json
from earwitness.kernel.strict_json import MAX_INTEGER
from earwitness.operations.decode import number_or_text

group = typer.Typer(help="Retention groups, and the account default.", no_args_is_help=True)

FOR_EVER = "forever"

Days = Annotated[
    list[str] | None,
    typer.Option(
        "--days",
        metavar="TYPE=DAYS",
        help="Days for a type or for `default`, as phone=1825 or default=forever; may be repeated.",
    ),
]
People = Annotated[
    list[int] | None,
    typer.Option(
        "--person",
        metavar="PERSON_ID",
        min=1,
        max=MAX_INTEGER,
        help="A person in the group; may be repeated.",
    ),
]


@group.command("list")
def list_(client_id: ClientId, as_json: AsJson = False) -> None:
    """List the account default and the retention groups."""
    found = make(client_id, "retention list", calls.list_retention_groups, as_json=as_json)
    if as_json:
        tell_json(found)
        return
    rows: list[dict[str, Any]] = [{"id": "", "name": "account default", "days": found.account_default}]
    rows += [
        {"id": one.id, "name": one.name, "days": one.retention_group, "people": one.people_ids}
        for one in found.retention_groups
    ]
    shown = [row | {"days": _in_words(row["days"]), "people": len(row.get("people", []))} for row in rows]
    show_table(shown, {"id": "id", "name": "name", "days": "days", "people": "people"})


@group.command("create")
def create(
    client_id: ClientId,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    days: Days = None,
    person: People = None,
    as_json: AsJson = False,
) -> None:
    """Create a retention group. A person is in one group only: those in another one move."""
    body = {"name": name, "retentionGroup": _days(days) or {}, "peopleIds": person}
    made = make(client_id, "retention create", calls.add_retention_group, body, as_json=as_json)
    tell_json(made) if as_json else say(f"Created retention group {made.id}, {name}.")


@group.command("set")
def set_(
    client_id: ClientId,
    id_: Id,
    name: Annotated[str | None, typer.Option("--name", help="The new name.")] = None,
    days: Days = None,
    person: People = None,
    as_json: AsJson = False,
) -> None:
    """Change a retention group. Days and people given replace all that there were."""
    if name is None and not days and not person:
        fail("Nothing to change was given: see `earwitness retention set --help`.", as_json=as_json)
    body = {"name": name, "retentionGroup": _days(days), "peopleIds": person}
    changed = make(client_id, "retention set", calls.change_retention_group, body, id_=id_, as_json=as_json)
    tell_json(changed) if as_json else say(f"{changed.name}: {_in_words(changed.retention_group)}.")


@group.command("default")
def default(client_id: ClientId, days: Days = None, as_json: AsJson = False) -> None:
    """Set the days for people in no retention group."""
    body = {"retentionGroup": _days(days) or {}}
    after = make(client_id, "retention default", calls.set_account_default, body, as_json=as_json)
    tell_json(after) if as_json else say(f"The account default is {_in_words(after)}.")


@group.command("delete")
def delete(client_id: ClientId, id_: Id, as_json: AsJson = False) -> None:
    """Delete a retention group. From now on the account default applies to its people."""
    deleted = make(client_id, "retention delete", calls.delete_retention_group, id_=id_, as_json=as_json)
    tell_json(deleted) if as_json else say(f"Deleted retention group {id_}.")


def _days(options: list[str] | None) -> dict[str, Any] | None:
    """Days as the body of the API's call has them. The API refuses what is not a number."""
    named = pairs(options, "--days")
    return {name: None if days == FOR_EVER else number_or_text(days) for name, days in named} or None


def _in_words(days: dict[str, int | None]) -> str:
    return ", ".join(
        f"{name} {FOR_EVER if value is None else json.dumps(value)}" for name, value in days.items()
    )
