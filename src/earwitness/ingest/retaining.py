"""The step that sets until when a recording is kept."""

from earwitness.archive.retention import recompute
from earwitness.ingest.work import Work


def retain(work: Work) -> None:
    work.changes.append(lambda connection: recompute(connection, [work.playable.position]))
