"""The step that writes the text index."""

from earwitness.archive.text.index import index_recordings
from earwitness.ingest.steps.context import Work


def index(work: Work) -> None:
    work.changes.append(lambda connection: index_recordings(connection, [work.playable.position]))
