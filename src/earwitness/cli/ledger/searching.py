"""earwitness ledger search: POST /ledger/search at the command line."""

from typing import Annotated, Any

import msgspec
import typer

from earwitness.api.ledger.search import search_ledger
from earwitness.cli.calling import make_in
from earwitness.cli.output import AsJson, ClientId, fail, opened, say, show_table, tell_json

_COLUMNS = {
    "insertedAt": "time",
    "username": "user",
    "description": "what",
    "entityName": "of",
    "entityId": "id",
    "responseCode": "answer",
    "auditHeaderId": "action",
}


def search(
    client_id: ClientId,
    from_: Annotated[str, typer.Option("--from", metavar="TIME", help="At this time or later.")] = "",
    to: Annotated[str, typer.Option("--to", metavar="TIME", help="Before this time.")] = "",
    username: Annotated[str, typer.Option("--username", help="By this user.")] = "",
    route: Annotated[str, typer.Option("--route", help="This route, such as /client/recording.")] = "",
    entity_name: Annotated[str, typer.Option("--entity", help="About what: Recording, User, …")] = "",
    entity_id: Annotated[
        int | None, typer.Option("--id", min=1, help="About the one of this id; with --entity.")
    ] = None,
    page: Annotated[int, typer.Option("--page", min=1, help="The page, from 1.")] = 1,
    page_size: Annotated[
        int, typer.Option("--page-size", min=1, max=1000, help="How many rows a page has, at most 1000.")
    ] = 100,
    as_json: AsJson = False,
) -> None:
    """Search who did what to whom in the whole account, oldest first.

    With --json it prints what POST /ledger/search answers.
    """
    if entity_id is not None and not entity_name:
        fail("--id needs --entity: ids are counted for each kind of thing.", as_json=as_json)
    wanted: dict[str, Any] = {
        "from": from_,
        "to": to,
        "username": username,
        "route": route,
        "entityName": entity_name,
        "entityId": entity_id,
    }
    sent = {name: value for name, value in wanted.items() if value} | {"page": page, "pageSize": page_size}
    with opened(as_json) as accounts:
        rows = make_in(accounts, client_id, "ledger search", search_ledger, sent)
    shown = msgspec.json.decode(msgspec.json.encode(rows))
    if as_json:
        tell_json(shown)
    elif shown:
        show_table(shown, _COLUMNS)
    else:
        say("There is nothing like that in the ledger.")
