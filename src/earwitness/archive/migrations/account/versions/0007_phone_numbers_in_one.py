"""Phone numbers in one in the text index"""

from alembic import op
from sqlalchemy import select

from earwitness.archive.documents import Words
from earwitness.archive.phone_numbers import phone_numbers
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.text import fold
from earwitness.archive.text_index import fields_of, write_documents

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_AT_ONCE = 500


def upgrade() -> None:
    connection = op.get_bind()
    positions = connection.scalars(select(recordings.c.position).order_by(recordings.c.position)).all()
    for first in range(0, len(positions), _AT_ONCE):
        fields = fields_of(connection, positions[first : first + _AT_ONCE])
        # Of most sources few recordings have a number in groups; to write all anew would take far longer.
        changed = [one for one, texts in fields.items() if any(phone_numbers(fold(text)) for text in texts)]
        write_documents(connection, {one: Words.of(*fields[one]) for one in changed})
