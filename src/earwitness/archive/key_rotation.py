"""The keys of recordings, wrapped anew after a rotation, and destroyed. Media is not touched by either."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, func, select, update

from earwitness.archive.accounts import Archive
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.vault import media_objects, recording_keys, waveforms
from earwitness.archive.timeline import one_at_a_time
from earwitness.kernel.errors import Corrupt
from earwitness.media.keys import WrappedKey

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """One batch: how many keys are wrapped anew, and the recordings (interactionId) whose key is damaged."""

    count: int
    damaged: list[int]


def recordings_by_key(archive: Archive) -> dict[str, int]:
    """How many recordings are wrapped with each key-encryption key that any is wrapped with."""
    with archive.read() as connection:
        rows = connection.execute(
            select(recording_keys.c.kek_id, func.count()).group_by(recording_keys.c.kek_id)
        )
        return {row[0]: row[1] for row in rows}


def uses(archive: Archive, kek_id: str) -> bool:
    """Whether any recording is wrapped with a key, or is just being so.

    The account's writers are waited for: whoever comes later reads the keys anew before it wraps one.
    """
    with archive.write() as connection:
        one_at_a_time(connection)
        used = select(recording_keys.c.position).where(recording_keys.c.kek_id == kek_id).limit(1)
        return connection.scalar(used) is not None


def rewrap(archive: Archive) -> Iterator[Rewrapped]:
    """Wrap the key of every recording with the current key-encryption key, a batch at a time.

    Each batch is a transaction. What is done stays done: begun again, it goes on with what is left.
    """
    last = -1
    while positions := _wrapped_otherwise(archive, last):
        with archive.write() as connection:
            yield _rewrap(connection, archive, positions)
        last = positions[-1]


def destroy_key(connection: Connection, position: int) -> list[str]:
    """Destroy the key of a recording, so that its media can never be read again.

    The recording has no media from the commit on. Answers the names of its objects, which are noise now:
    remove them from the store after the commit. Whether the recording may go is for the caller to know.
    """
    this = media_objects.c.position == position
    names = list(connection.scalars(select(media_objects.c.name).where(this)))
    connection.execute(delete(recording_keys).where(recording_keys.c.position == position))
    connection.execute(delete(media_objects).where(this))
    connection.execute(delete(waveforms).where(waveforms.c.position == position))
    connection.execute(update(recordings).where(recordings.c.position == position).values(has_media=False))
    return names


def _wrapped_otherwise(archive: Archive, last: int) -> list[int]:
    """The next positions after `last` whose key is not wrapped with the current key-encryption key."""
    keys = recording_keys.c
    with archive.read() as connection:
        found = connection.scalars(
            select(keys.position)
            .where(keys.position > last, keys.kek_id != archive.vault.current_kek_id)
            .order_by(keys.position)
            .limit(_BATCH)
        )
        return list(found)


def _rewrap(connection: Connection, archive: Archive, positions: list[int]) -> Rewrapped:
    keys = recording_keys.c
    rows = connection.execute(
        select(keys.position, keys.vault_id, keys.kek_id, keys.wrapped_key, recordings.c.interaction_id)
        .join(recordings, recordings.c.position == keys.position)
        .where(keys.position.in_(positions))
        .order_by(keys.position)
        .with_for_update(of=recording_keys)
    )
    changed, damaged = [], []
    for row in rows:
        was = WrappedKey(row.kek_id, row.wrapped_key)
        try:
            wrapped = archive.vault.rewrap(was, row.vault_id, row.interaction_id)
        except Corrupt:
            damaged.append(row.interaction_id)
        else:
            changed.append({"at": row.position, "kek_id": wrapped.kek_id, "wrapped_key": wrapped.wrapped})
    if changed:
        connection.execute(update(recording_keys).where(keys.position == bindparam("at")), changed)
    return Rewrapped(len(changed), damaged)
