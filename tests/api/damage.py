"""Damage to stored media, as a failing disk does it; undone at the end."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import select

from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.vault import media_objects
from tests.firm import CLIENT_ID, Firm


def object_file(firm: Firm, interaction_id: int, kind: str) -> Path:
    """The file of an object of a recording."""
    with firm.archive.read() as connection:
        name = connection.scalar(
            select(media_objects.c.name)
            .join(recordings, recordings.c.position == media_objects.c.position)
            .where(recordings.c.interaction_id == interaction_id, media_objects.c.kind == kind)
        )
    assert name is not None
    return firm.settings.data / "accounts" / str(CLIENT_ID) / "media" / str(name)


@contextmanager
def damaged(firm: Firm, interaction_id: int, kind: str, at: int = -1) -> Iterator[None]:
    """Flip one bit of a byte of an object, its last by default."""
    file = object_file(firm, interaction_id, kind)
    intact = file.read_bytes()
    broken = bytearray(intact)
    broken[at] ^= 1
    file.write_bytes(broken)
    try:
        yield
    finally:
        file.write_bytes(intact)
