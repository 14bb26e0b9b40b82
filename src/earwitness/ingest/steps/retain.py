"""The step that sets until when a recording is kept."""

from earwitness.archive.recordings.retention import recompute
from earwitness.ingest.steps.context import Work


def retain(work: Work) -> None:
    work.changes.append(lambda connection: recompute(connection, [work.playable.position]))
