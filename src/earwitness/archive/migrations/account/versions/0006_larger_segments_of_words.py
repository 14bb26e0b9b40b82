"""Larger segments of words"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("INSERT INTO recording_text (recording_text, rank) VALUES ('hashsize', 33554432)")
