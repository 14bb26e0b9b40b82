"""earwitness reprocess: processing recordings again."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated

import typer
from sqlalchemy import ColumnElement, Connection, and_, select

from earwitness.archive.database.in_list import among
from earwitness.archive.database.timeline import newest_committed_id
from earwitness.archive.jobs.kinds import StepName
from earwitness.archive.ledger import ledger
from earwitness.archive.schema.recordings import recordings
from earwitness.cli.operator import action
from earwitness.cli.output import AsJson, ClientId, fail, opened, say, tell_json
from earwitness.cli.upkeep.turns import AT_ONCE, OneAction, in_turns
from earwitness.ingest.codec import UNDECODABLE, state_codec
from earwitness.ingest.steps.reprocess import fitting, queue_again
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

_STATED_AT_ONCE = 100
"""Recordings whose codec is stated in one turn: each takes four statements."""


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
    that is named; for that one, a codec that was stated before can be corrected. Many recordings are queued
    in turns: if the command ends early, what it queued stays queued, and it can be run again.
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
    """Queue jobs for one recording, or for all that there are now; returns for how many."""
    done = OneAction(action("reprocess", "Reprocess recording"))

    def queue_some(connection: Connection, some: Sequence[int] | None) -> None:
        if queued := queue_again(connection, step, interaction_id, of=some):
            these = among(recordings.c.position, queued)
            metadata: dict[str, object] | None = {"step": step} if step else None
            ledger.append_for_recordings(connection, done.header(connection), these, metadata)
            done.count += len(queued)

    with opened(as_json) as accounts:
        archive = accounts.open(client_id)
        if interaction_id is not None:
            with archive.write(locked=False) as connection:
                queue_some(connection, None)
        else:
            with archive.read() as connection:
                there = recordings.c.interaction_id <= newest_committed_id(connection)
                next_ = partial(_next, and_(there, *fitting(connection, step)), AT_ONCE)
            in_turns(archive, next_, queue_some, locked=False)  # it locks its own rows alone
        done.end(archive)
    return done.count


def _state_codec(client_id: int, interaction_id: int | None, hint: Hint, *, as_json: bool) -> int:
    """State the codec of one recording, or of all undecodable ones; returns how many there were."""
    done = OneAction(action("reprocess", "State codec"))

    def state(connection: Connection, which: ColumnElement[bool]) -> None:
        done.count += len(state_codec(connection, which, hint, done.header(connection)))

    def state_some(connection: Connection, some: Sequence[int]) -> None:
        state(connection, and_(UNDECODABLE, among(recordings.c.position, some)))

    with opened(as_json) as accounts:
        archive = accounts.open(client_id)
        if interaction_id is None:
            in_turns(archive, partial(_next, UNDECODABLE, _STATED_AT_ONCE), state_some)
        else:
            with archive.write() as connection:
                state(connection, recordings.c.interaction_id == interaction_id)
                if not done.count:
                    raise NotFound(f"There is no recording {interaction_id}.")
        done.end(archive)
    return done.count


def _next(which: ColumnElement[bool], most: int, connection: Connection, after: int) -> Sequence[int]:
    """The positions of the next recordings that meet a condition."""
    onward = select(recordings.c.position).where(which, recordings.c.position > after)
    return connection.scalars(onward.order_by(recordings.c.position).limit(most)).all()
