"""Rewraps the keys of recordings after a rotation, and destroys them. Neither touches the media itself."""

from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select, update

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.jobs import account_jobs
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Action, Entry
from earwitness.archive.ledger.recording_digests import Watched
from earwitness.archive.schema.recordings import legal_hold_recordings, legal_holds, recordings
from earwitness.archive.schema.vault import media_objects, recording_keys, waveforms
from earwitness.archive.schema.work import jobs
from earwitness.kernel.clock import format_ms, now_ms
from earwitness.kernel.errors import Conflict, Corrupt, NotFound
from earwitness.media.keys.key_ring import KeyMissing, WrappedKey

RECORDINGS_PER_BATCH = 500


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """One batch: how many keys were rewrapped, the interactionIds whose key is damaged, and for each missing
    key-encryption key how many recordings need it."""

    count: int
    damaged: list[int]
    missing: Counter[str]


def recordings_by_key(archive: Archive) -> dict[str, int]:
    """How many recordings are wrapped with each key-encryption key."""
    with archive.read() as connection:
        rows = connection.execute(
            select(recording_keys.c.kek_id, func.count()).group_by(recording_keys.c.kek_id)
        )
        return {row[0]: row[1] for row in rows}


def uses(archive: Archive, kek_id: str) -> bool:
    """Whether any recording is wrapped with a key, or is just being wrapped.

    It waits for the account's writers. Those that come later read the keys again before they wrap one.
    """
    with archive.write() as connection:
        used = select(recording_keys.c.position).where(recording_keys.c.kek_id == kek_id).limit(1)
        return connection.scalar(used) is not None


def rewrap(archive: Archive, *, batch: int = RECORDINGS_PER_BATCH) -> Generator[Rewrapped]:
    """Wrap the key of every recording with the current key-encryption key, a batch at a time.

    A key management service is asked for each before the transaction of its batch, so that no other writer
    waits for the service. After a crash, a new run goes on with what is left.
    """
    last = -1
    while rows := _wrapped_with_others(archive, last, batch):
        changed, damaged, missing = _wrap_again(archive, rows)
        with archive.write(locked=False) as connection:  # it changes its own rows alone
            yield Rewrapped(_write(connection, changed), damaged, missing)
        last = rows[-1].position


def destroy(archive: Archive, interaction_id: int, by: Action) -> int:
    """Destroy the key of a recording that need not be kept any longer: its media can never be read again.

    The recording stays, without media. Returns how many objects were removed. Raises NotFound, and Conflict
    if the recording is under a legal hold or has to be kept, or while a job of the account is pending, which
    may place a hold or keep recordings longer.
    """
    with archive.write() as connection:
        if (job_id := account_jobs.pending(connection)) is not None:
            raise Conflict(
                f"Job {job_id} of the account is not through; until then nothing is destroyed.",
                code="pending",
            )
        position = _position_to_destroy(connection, interaction_id)
        watched = Watched(connection, [position], "media")
        names = _destroy_key(connection, position)
        changed = watched.changed(connection).get(position)
        entry = Entry(interaction_id, metadata={"objects": len(names)}, changed=changed)
        ledger.append(connection, by, [entry])
    # Nobody can read them any more. `verify` names those that cannot be removed now.
    for name in names:
        archive.store.delete(name)
    return len(names)


def _position_to_destroy(connection: Connection, interaction_id: int) -> int:
    """The position of a recording whose media may be destroyed. Raises NotFound and Conflict."""
    row = connection.execute(
        select(recordings.c.position, recordings.c.retain_until, recording_keys.c.kek_id)
        .outerjoin(recording_keys, recording_keys.c.position == recordings.c.position)
        .where(recordings.c.interaction_id == interaction_id)
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no recording {interaction_id}.")
    if row.kek_id is None:
        raise NotFound(f"Recording {interaction_id} has no media.", code="no-media")
    held = connection.scalars(
        select(legal_holds.c.name)
        .join(legal_hold_recordings, legal_hold_recordings.c.legal_hold_id == legal_holds.c.id)
        .where(legal_hold_recordings.c.position == row.position, legal_holds.c.ended_at.is_(None))
    ).all()
    if held:
        raise Conflict(f"Recording {interaction_id} is under legal hold: {', '.join(held)}.", code="held")
    if row.retain_until is None or row.retain_until > now_ms():
        until = "for ever" if row.retain_until is None else f"until {format_ms(row.retain_until)}"
        raise Conflict(f"Recording {interaction_id} must be kept {until}.", code="retained")
    position: int = row.position
    return position


def _destroy_key(connection: Connection, position: int) -> list[str]:
    """Destroy a key. Returns the names of the objects that nobody can read after the commit."""
    this = media_objects.c.position == position
    names = list(connection.scalars(select(media_objects.c.name).where(this)))
    # A worker may still have the key: without its job it cannot commit what it made with it.
    connection.execute(delete(jobs).where(jobs.c.position == position))
    connection.execute(delete(recording_keys).where(recording_keys.c.position == position))
    connection.execute(delete(media_objects).where(this))
    connection.execute(delete(waveforms).where(waveforms.c.position == position))
    connection.execute(update(recordings).where(recordings.c.position == position).values(has_media=False))
    return names


def _wrapped_with_others(archive: Archive, last: int, most: int) -> Sequence[Any]:
    """The next keys after a position that are not wrapped with the current key-encryption key."""
    keys = recording_keys.c
    with archive.read() as connection:
        return connection.execute(
            select(keys.position, keys.vault_id, keys.kek_id, keys.wrapped_key, recordings.c.interaction_id)
            .join(recordings, recordings.c.position == keys.position)
            .where(keys.position > last, keys.kek_id != archive.vault.current_kek_id)
            .order_by(keys.position)
            .limit(most)
        ).all()


def _wrap_again(
    archive: Archive, rows: Sequence[Any]
) -> tuple[list[dict[str, object]], list[int], Counter[str]]:
    """What to write for keys; those that are damaged, and those whose key-encryption key is missing."""
    changed: list[dict[str, object]] = []
    damaged: list[int] = []
    missing = Counter[str]()
    for row in rows:
        was = WrappedKey(row.kek_id, row.wrapped_key)
        try:
            wrapped = archive.vault.rewrap(was, row.vault_id, row.interaction_id)
        except Corrupt:
            damaged.append(row.interaction_id)
        except KeyMissing as problem:
            missing[problem.kek_id] += 1
        else:
            values = {"kek_id": wrapped.kek_id, "wrapped_key": wrapped.wrapped}
            changed.append({"at": row.position, "was": row.wrapped_key, **values})
    return changed, damaged, missing


def _write(connection: Connection, changed: list[dict[str, object]]) -> int:
    """Write keys that are still as they were read. Returns how many."""
    keys = recording_keys.c
    this = (keys.position == bindparam("at"), keys.wrapped_key == bindparam("was"))
    return connection.execute(update(recording_keys).where(*this), changed).rowcount if changed else 0
