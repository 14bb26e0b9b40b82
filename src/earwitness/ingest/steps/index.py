"""The step that writes the text index."""

from earwitness.archive.text.index import index_recordings
from earwitness.ingest.steps.context import StepContext


def index(context: StepContext) -> None:
    context.changes.append(lambda connection: index_recordings(connection, [context.position]))
