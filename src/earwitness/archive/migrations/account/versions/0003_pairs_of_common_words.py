"""Pairs of common words in the text index"""

from alembic import op
from sqlalchemy import select

from earwitness.archive.schema.recordings import recordings
from earwitness.archive.text_index import index_recordings

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_AT_ONCE = 500


def upgrade() -> None:
    connection = op.get_bind()
    positions = connection.scalars(select(recordings.c.position)).all()
    for first in range(0, len(positions), _AT_ONCE):
        index_recordings(connection, positions[first : first + _AT_ONCE])
