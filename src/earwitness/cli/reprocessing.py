"""earwitness reprocess: steps of processing, done again."""

from typing import Annotated

import typer

from earwitness.archive import ledger
from earwitness.archive.among import among
from earwitness.archive.jobs import StepName
from earwitness.archive.schema.recordings import recordings
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
        positions = queue_again(connection, step, interaction_id)
        if positions:
            by, these = action("reprocess", "Reprocess recording"), among(recordings.c.position, positions)
            ledger.append_for_all(connection, by, these, {"step": step} if step else None)
    queued = len(positions)
    tell_json({"queued": queued}) if as_json else say(f"Queued {queued}.")
