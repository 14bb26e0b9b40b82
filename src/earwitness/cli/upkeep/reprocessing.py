"""earwitness reprocess: processing recordings again."""

from typing import Annotated

import typer

from earwitness.archive.database.in_list import among
from earwitness.archive.jobs.kinds import StepName
from earwitness.archive.ledger import ledger
from earwitness.archive.schema.recordings import recordings
from earwitness.cli.operator import action
from earwitness.cli.output import AsJson, ClientId, fail, opened, say, tell_json
from earwitness.ingest.codec import UNDECODABLE, state_codec
from earwitness.ingest.steps.reprocess import queue_again
from earwitness.kernel.errors import NotFound
from earwitness.media.measurement import HeaderlessCodec, Hint

Only = Annotated[int | None, typer.Argument(metavar="[ID]", min=1, help="Only this recording.")]
InteractionId = Annotated[int | None, typer.Option("--interaction-id", min=1, help="Only this recording.")]
Step = Annotated[StepName | None, typer.Option("--step", help="Only this step.")]
Codec = Annotated[
    HeaderlessCodec | None, typer.Option("--codec", help="The codec of media without a header.")
]
SampleRate = Annotated[
    int | None,
    typer.Option("--sample-rate", min=4000, max=384_000, help="The sample rate of PCM, in Hz (8000)."),
]
Channels = Annotated[
    int | None, typer.Option("--channels", min=1, max=64, help="The number of channels of PCM (1).")
]


def reprocess(
    client_id: ClientId,
    only: Only = None,
    interaction_id: InteractionId = None,
    step: Step = None,
    codec: Codec = None,
    sample_rate: SampleRate = None,
    channels: Channels = None,
    as_json: AsJson = False,
) -> None:
    """Process recordings again: all steps, or one.

    Until it is done, the earlier results are played and searched. A transcript that came from a
    recording's source is never replaced. With --codec all undecodable recordings are processed, or the one
    that is named; for that one, a codec that was stated before can be corrected.
    """
    interaction_id = interaction_id or only
    if codec is not None and step is not None:
        fail("--codec does all steps: leave --step out.", as_json=as_json)
    if codec is None and (sample_rate or channels):
        fail("--sample-rate and --channels need --codec.", as_json=as_json)
    if codec is not None:
        hint = Hint(codec, sample_rate, channels)
        queued = _state_codec(client_id, interaction_id, hint, as_json=as_json)
    else:
        queued = _queue_again(client_id, interaction_id, step, as_json=as_json)
    tell_json({"queued": queued}) if as_json else say(f"Queued {queued}.")


def _queue_again(client_id: int, interaction_id: int | None, step: StepName | None, *, as_json: bool) -> int:
    """Queue jobs for one recording, or for all; returns for how many."""
    # Not locked: this may queue a job for every recording, and others add recordings meanwhile.
    with opened(as_json) as accounts, accounts.open(client_id).write(locked=False) as connection:
        positions = queue_again(connection, step, interaction_id)
        if positions:
            by, these = action("reprocess", "Reprocess recording"), among(recordings.c.position, positions)
            ledger.append_for_recordings(connection, by, these, {"step": step} if step else None)
    return len(positions)


def _state_codec(client_id: int, interaction_id: int | None, hint: Hint, *, as_json: bool) -> int:
    """State the codec of one recording, or of all undecodable ones; returns how many there were."""
    by = action("reprocess", "State codec")
    which = UNDECODABLE if interaction_id is None else recordings.c.interaction_id == interaction_id
    with opened(as_json) as accounts, accounts.open(client_id).write() as connection:
        stated = state_codec(connection, which, hint, by)
        if interaction_id is not None and not stated:
            raise NotFound(f"There is no recording {interaction_id}.")
    return len(stated)
