"""earwitness reprocess: steps of processing, done again."""

from typing import Annotated

import typer

from earwitness.archive import ledger
from earwitness.archive.jobs import StepName
from earwitness.archive.ledger import Entry
from earwitness.cli.operator import action
from earwitness.cli.output import AsJson, ClientId, opened, say, tell_json
from earwitness.ingest.reprocessing import queue_again


def reprocess(
    client_id: ClientId,
    interaction_id: Annotated[
        int | None, typer.Option("--interaction-id", min=1, help="Only this recording.")
    ] = None,
    step: Annotated[StepName | None, typer.Option("--step", help="Only this step.")] = None,
    as_json: AsJson = False,
) -> None:
    """Process recordings again: all steps, or one.

    Until it is done, the earlier results are played and searched. A transcript that came from a
    recording's source is never replaced.
    """
    with opened(as_json) as accounts, accounts.open(client_id).write() as connection:
        again = queue_again(connection, step, interaction_id)
        told: dict[str, object] | None = {"step": step} if step else None
        entries = [Entry(one, metadata=told) for one in again]
        ledger.append(connection, action("reprocess", "Reprocess recording"), entries)
    queued = len(again)
    tell_json({"queued": queued}) if as_json else say(f"Queued {queued}.")
