"""Recordings that are not whole"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "recordings_not_whole",
        "recordings",
        ["status", "position"],
        sqlite_where=sa.text("status = 'undecodable' OR json_extract(measurement, '$.complete') = 0"),
        postgresql_where=sa.text("status = 'undecodable' OR (measurement ->> 'complete') = 'false'"),
        if_not_exists=True,
    )
