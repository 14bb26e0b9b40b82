"""earwitness search: the search of the API from the command line, and how it is answered."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.cells import cell_len

from earwitness.archive.filters import RecordingSearch
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.search import Found, search
from earwitness.cli.calling import operator
from earwitness.cli.output import AsJson, ClientId, opened, say, show_table, tell_json
from earwitness.kernel import strict_json
from earwitness.kernel.clock import format_ms
from earwitness.kernel.errors import BadRequest
from earwitness.kernel.wire import convert

Filters = Annotated[str, typer.Argument(metavar="[FILTERS]", help="The body of recording.search, as JSON.")]


def search_(
    client_id: ClientId,
    filters: Filters = "{}",
    explain: Annotated[
        bool, typer.Option("--explain", help="Show how the search was done and how long it took.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Search recordings, with the right to see all of them."""
    with opened(as_json) as accounts, accounts.open(client_id).read() as connection:
        with _shown_in(filters, as_json):
            wanted = convert(strict_json.loads(filters.encode()), RecordingSearch)
        with _shown_in(wanted.free_text or "", as_json):
            found = search(connection, wanted, operator(client_id))
        rows = {
            row.position: row
            for row in connection.execute(
                recordings.select().where(recordings.c.position.in_(found.positions))
            )
        }
    shown = [
        {
            "interactionId": row.interaction_id,
            "thirdPartyId": row.third_party_id,
            "type": row.type,
            "startDatetimeUTC": format_ms(row.started_at),
        }
        for row in (rows[position] for position in found.positions)
    ]
    plan = _explained(found) if explain else {}
    if as_json:
        tell_json({"total": found.total, "recordings": shown} | ({"plan": plan} if explain else {}))
        return
    show_table(shown, {key: key for key in ("interactionId", "thirdPartyId", "type", "startDatetimeUTC")})
    say(f"{found.total} in all.")
    for name, value in plan.items():
        say(f"  {name:<12} {value}")


@contextmanager
def _shown_in(text: str, as_json: bool) -> Iterator[None]:
    """Show a person where in a line of text lies what cannot be read."""
    try:
        yield
    except BadRequest as error:
        place = next((fault.position for fault in error.faults if fault.position is not None), None)
        if as_json or place is None or not text.isprintable():
            raise
        raise BadRequest(f"{error.detail}\n  {text}\n  {' ' * cell_len(text[:place])}^") from None


def _explained(found: Found) -> dict[str, Any]:
    """The plan in words: what leads, what is checked, what is left out, and the time of each part."""
    plan = found.plan
    size = "" if plan.leader_size is None else f" (about {plan.leader_size})"
    return {
        "leader": f"{plan.leader.name}{size}" if plan.leader else "timeline",
        "window": [
            None if end is None else format_ms(end) for end in (plan.window.start_ms, plan.window.end_ms)
        ],
        "checks": [link.name for link in plan.checks],
        "without": [link.name for link in plan.without],
        "reads": ["freeText"] if plan.reads else [],
        "facts": len(plan.facts),
        "milliseconds": {part: round(seconds * 1000, 1) for part, seconds in found.seconds.items()},
    }
