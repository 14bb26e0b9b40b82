"""Private recordings in order"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "recordings_private",
        "recordings",
        ["position"],
        sqlite_where=sa.text("is_private = 1"),
        postgresql_where=sa.text("is_private"),
    )
