"""Long documents apart"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.create_index(
            "recording_text_long",
            "recording_text",
            ["position"],
            postgresql_where=sa.text("part = 1"),
            if_not_exists=True,
        )
