"""Places of recordings"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("recordings_places", "recordings", ["position", "interaction_id"], if_not_exists=True)
