"""An index of the subjects of recordings

Whether an endpoint is recorded was looked for in all recordings that it took part in. The index is made in
one reading of all participants. MEASURED
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "recording_endpoints_by_subject",
        "recording_endpoints",
        ["endpoint_id", "position"],
        sqlite_where=sa.text("is_recording_subject = 1"),
        postgresql_where=sa.text("is_recording_subject"),
    )
