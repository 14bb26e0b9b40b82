"""earwitness search: recording.search at the command line, and the plan of a search."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import msgspec
import typer
from rich.cells import cell_len

from earwitness.api.recordings.search import find, page_of, pending_on_hold, search_recordings
from earwitness.archive.search.filters import RecordingSearch
from earwitness.archive.search.plan import Plan
from earwitness.cli.calling import called, warn_of_pending
from earwitness.cli.output import AsJson, ClientId, opened, say, show_table, tell_json
from earwitness.kernel import strict_json
from earwitness.kernel.clock import format_ms
from earwitness.kernel.errors import BadRequest
from earwitness.kernel.wire import convert

Filters = Annotated[str, typer.Argument(metavar="[FILTERS]", help="The body of recording.search, as JSON.")]
Explain = Annotated[bool, typer.Option("--explain", help="Show the plan, and how long each part took.")]


def search_(
    client_id: ClientId, filters: Filters = "{}", explain: Explain = False, as_json: AsJson = False
) -> None:
    """Search recordings, with the right to see all of them.

    With --json it prints what recording.search answers.
    """
    with opened(as_json) as accounts, called(accounts, client_id, "search", search_recordings) as call:
        with _shown_in(filters, as_json):
            body = convert(strict_json.loads(filters.encode()), RecordingSearch)
        with _shown_in(body.free_text or "", as_json):
            found, pinned = find(call, body)
        began = time.perf_counter()
        page = page_of(call, body, found, pinned)
        pending = pending_on_hold(call, body)
        seconds = found.seconds | {"rows": time.perf_counter() - began}
    if pending is not None:
        warn_of_pending(client_id, pending)
    plan = _explained(found.plan) | {"milliseconds": _milliseconds(seconds)}
    answer = msgspec.json.decode(msgspec.json.encode(page))
    if as_json:
        tell_json(answer | ({"plan": plan} if explain else {}))
        return
    columns = ("interactionId", "thirdPartyId", "type", "startDatetimeUTC")
    show_table(answer["recordings"], {key: key for key in columns})
    say(f"{found.total} in all.")
    if explain:
        _show(plan)


@contextmanager
def _shown_in(text: str, as_json: bool) -> Iterator[None]:
    """Show the place of a fault in a line of text, unless JSON is printed."""
    try:
        yield
    except BadRequest as error:
        place = next((fault.position for fault in error.faults if fault.position is not None), None)
        if as_json or place is None or not text.isprintable():
            raise
        raise BadRequest(f"{error.detail}\n  {text}\n  {' ' * cell_len(text[:place])}^") from None


def _explained(plan: Plan) -> dict[str, Any]:
    """The plan by the names of the filters: what leads, what is checked, what is left out."""
    size = "" if plan.leader_size is None else f" (about {plan.leader_size})"
    names = list(dict.fromkeys(condition.name for condition in plan.columns))
    return {
        "leader": f"{plan.leader.name}{size}" if plan.leader else "timeline",
        "window": [
            None if end is None else format_ms(end) for end in (plan.window.start_ms, plan.window.end_ms)
        ],
        "checks": [positions.name for positions in plan.checks],
        "without": [positions.name for positions in plan.excluded],
        "reads": [name for name in names if name == "freeText"],
        "facts": [name for name in names if name != "freeText"],
    }


def _milliseconds(seconds: dict[str, float]) -> dict[str, float | str]:
    """How long each part took, in ms. A total that was found with the page has no time of its own."""
    return {
        part: round(seconds[part] * 1000, 1) if part in seconds else "with the page"
        for part in ("plan", "page", "total", "rows")
    }


def _show(plan: dict[str, Any]) -> None:
    """Print the plan as text."""
    *parts, (_, times) = plan.items()
    say("Plan")
    for name, value in parts:
        if isinstance(value, list):
            value = (" to " if name == "window" else ", ").join(one or "…" for one in value) or "none"
        say(f"  {name:<8} {value}")
    say("Time")
    for name, took in times.items():
        say(f"  {name:<8} {took}{' ms' if isinstance(took, float) else ''}")
