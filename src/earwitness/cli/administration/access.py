"""earwitness access: who may do what, and why a user may see a recording or may not."""

from typing import Annotated

import typer

from earwitness.archive.access.explanation import Explanation, explain_access
from earwitness.archive.access.visibility import USES
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Entry
from earwitness.cli.calling import InteractionId
from earwitness.cli.operator import action
from earwitness.cli.output import AsJson, ClientId, opened, say, show_table, tell_json
from earwitness.kernel.rights import ROLE_RIGHTS, Right

group = typer.Typer(help="Rights, roles, and why a user may see a recording.", no_args_is_help=True)


@group.command("explain")
def explain(
    client_id: ClientId,
    username: Annotated[str, typer.Argument(metavar="USERNAME")],
    interaction_id: InteractionId,
    as_json: AsJson = False,
) -> None:
    """Explain what a user may do with a recording, and why. This is recorded in the audit log."""
    with opened(as_json) as accounts:
        archive = accounts.open(client_id)
        with archive.read() as connection:
            explanation = explain_access(connection, client_id, username, interaction_id)
        with archive.write(locked=False) as connection:  # not locked: it only adds rows to the ledger
            entry = Entry(interaction_id, metadata={"username": explanation.username})
            ledger.append(connection, action("access explain", "Explain access"), [entry])
    tell_json(explanation) if as_json else _say(explanation)


@group.command("rights")
def rights(as_json: AsJson = False) -> None:
    """List the rights, what each opens, and the roles that have it."""
    rows = [
        {
            "right": str(right),
            "opens": right.opens,
            "roles": [str(role) for role, held in ROLE_RIGHTS.items() if right in held],
        }
        for right in Right
    ]
    if as_json:
        tell_json(rows)
    else:
        shown = [row | {"roles": ", ".join(row["roles"])} for row in rows]
        show_table(shown, {"right": "right", "roles": "roles", "opens": "opens"})


def _say(explanation: Explanation) -> None:
    words = {use.name: use.words for use in USES}
    say(
        f"What {explanation.username} (user {explanation.user_id}) may do with recording "
        f"{explanation.interaction_id}, {explanation.third_party_id}:\n"
    )
    uses = [
        {"use": words[one.use], "may": _yes(one.is_allowed), "by": ", ".join(one.kept_out_by)}
        for one in explanation.uses
    ]
    show_table(uses, {"use": "use", "may": "allowed", "by": "kept out by"})
    say("")
    for rule in explanation.rules:
        say(f"{'holds' if rule.holds else 'fails':7}{rule.rule}: {rule.because}")


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"
