"""The step that sets how long a recording is kept."""

from earwitness.archive.recordings.retention import recompute
from earwitness.ingest.steps.context import StepContext


def retain(context: StepContext) -> None:
    context.parts.append("retention")
    context.changes.append(lambda connection: recompute(connection, [context.position]))
