"""Pairs of common words in the text index

It wrote all documents again. Since 0010 has them written again anyway, it leaves them as they are: see
`docs/decisions/0025-transcript-words-apart-in-the-text-index.md`.
"""

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass
