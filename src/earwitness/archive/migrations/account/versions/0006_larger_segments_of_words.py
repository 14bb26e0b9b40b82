"""Larger segments of words"""

from alembic import op

from earwitness.archive.schema.text import GATHER_MORE

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(GATHER_MORE)
