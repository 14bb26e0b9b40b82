"""Reads media back: is every object there, does it verify, and is it what was stored?

Objects are read in the order in which they were stored, a page at a time. So an archive of any size is
checked in the same memory, while it is in use.
"""

import hashlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, select

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.vault import media_objects, recording_keys
from earwitness.kernel.errors import Corrupt
from earwitness.media.keys.key_ring import KeyMissing, WrappedKey
from earwitness.media.stores.object_names import ObjectMissing

_PAGE = 1000
_AT_ONCE = 4
_BYTES_AT_ONCE = 256 << 20
_MISSING_KEY = "missing key"


@dataclass(frozen=True, slots=True)
class Sample:
    """Which objects to check: a share of them, from 0 to 1, and where in their order to begin.

    The same `seed` chooses the same objects. With `anywhere` it also chooses where to begin, and the objects
    before that come last: so checks that are cut short reach every object in time.
    """

    seed: str
    share: float = 1.0
    anywhere: bool = False

    def fraction(self, of: str) -> float:
        """A pseudorandom number from 0 up to 1 that depends on the seed alone."""
        digest = hashlib.blake2b(f"{self.seed}:{of}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64


@dataclass(frozen=True, slots=True)
class Checked:
    """The result for one object: `size_bytes` of it were read, or None if it is not in the sample.

    `damage` says what is wrong with it. If its key-encryption key is missing, `missing_key` has the ids of
    that key and of the recording: this is no damage, since the key may come back.
    """

    size_bytes: int | None = None
    damage: dict[str, Any] | None = field(default=None)
    missing_key: tuple[str, int] | None = None


def count_objects(archive: Archive) -> int:
    with archive.read() as connection:
        return connection.scalar(select(func.count()).select_from(media_objects)) or 0


def check(archive: Archive, sample: Sample, *, page: int = _PAGE) -> Iterator[Checked]:
    """Check every object of the sample. One that is removed or replaced meanwhile is not damaged.

    Raises StoreUnavailable: an object that cannot be reached is not damaged either.
    """
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="verify") as threads:
        checking: deque[Future[Checked]] = deque()
        for row in _objects(archive, sample, page):
            checking.append(threads.submit(_check, archive, sample, row))
            if len(checking) == 2 * _AT_ONCE:
                yield checking.popleft().result()
        while checking:
            yield checking.popleft().result()


def check_some(archive: Archive, after: int, most: int) -> tuple[list[Checked], int | None]:
    """Check the objects with the ids that follow `after`, one after the other: at most so many.

    They are fewer where they are large. Returns the last id too; None if no objects follow. Raises
    StoreUnavailable.
    """
    with archive.read() as connection:
        this = _described(media_objects.c.id > after).order_by(media_objects.c.id)
        rows = connection.execute(this.limit(most)).all()
    found: list[Checked] = []
    read_bytes = 0
    for row in rows:
        found.append(_check(archive, Sample(""), row))
        read_bytes += row.size_bytes
        if read_bytes > _BYTES_AT_ONCE:
            break
    is_last = len(found) == len(rows) < most
    return found, None if is_last else rows[len(found) - 1].id


def orphans(archive: Archive) -> Iterator[str]:
    """The names of the objects that no recording names."""
    page: list[str] = []
    for name in archive.store.names():
        page.append(name)
        if len(page) == _PAGE:
            yield from _orphans(archive, page)
            page = []
    yield from _orphans(archive, page)


def _orphans(archive: Archive, names: list[str]) -> list[str]:
    with archive.read() as connection:
        named = set(connection.scalars(select(media_objects.c.name).where(media_objects.c.name.in_(names))))
    # An upload that was given up may be gone by now.
    return [name for name in names if name not in named and archive.store.exists(name)]


def _objects(archive: Archive, sample: Sample, page: int) -> Iterator[Row[Any]]:
    with archive.read() as connection:
        last = connection.scalar(select(func.max(media_objects.c.id))) or 0
    begin = int(sample.fraction("begin") * last) if sample.anywhere else 0
    yield from _between(archive, begin, last, page)
    yield from _between(archive, 0, begin, page)


def _between(archive: Archive, after: int, last: int, page: int) -> Iterator[Row[Any]]:
    while after < last:
        with archive.read() as connection:
            rows = connection.execute(
                _described(media_objects.c.id > after, media_objects.c.id <= last)
                .order_by(media_objects.c.id)
                .limit(page)
            ).all()
        yield from rows
        after = rows[-1].id if rows else last


def _described(*which: ColumnElement[bool]) -> Select[Any]:
    return (
        select(
            media_objects,
            recordings.c.interaction_id,
            recordings.c.third_party_id,
            recording_keys.c.vault_id,
            recording_keys.c.kek_id,
            recording_keys.c.wrapped_key,
        )
        .join(recordings, recordings.c.position == media_objects.c.position)
        .outerjoin(recording_keys, recording_keys.c.position == media_objects.c.position)
        .where(*which)
    )


def _check(archive: Archive, sample: Sample, row: Row[Any]) -> Checked:
    if sample.share < 1 and sample.fraction(row.name) >= sample.share:
        return Checked()
    wrong = _wrong_with(archive, row)
    if wrong is not None:
        with archive.read() as connection:
            row_now = connection.execute(_described(media_objects.c.name == row.name)).one_or_none()
        if row_now is None:
            return Checked()
        # Its key may have been rewrapped since the page was read.
        wrong = _wrong_with(archive, row_now)
    if wrong is None:
        return Checked(row.size_bytes)
    kind, reason = wrong
    if kind == _MISSING_KEY:
        return Checked(missing_key=(reason, row.interaction_id))
    damage = {
        "damage": kind,
        "reason": reason,
        "kind": row.kind,
        "interactionId": row.interaction_id,
        "thirdPartyId": row.third_party_id,
    }
    return Checked(row.size_bytes, damage)


def _wrong_with(archive: Archive, row: Row[Any]) -> tuple[str, str] | None:
    """`missing` or `damaged`, and why; or `missing key` and its id; None for an intact object."""
    try:
        if row.wrapped_key is None:
            raise Corrupt("The key of this recording is missing.")
        wrapped = WrappedKey(row.kek_id, row.wrapped_key)
        key = archive.vault.unwrap(wrapped, row.vault_id, row.interaction_id)
        with archive.vault.open(row.name, key, row.kind) as reader:
            if (reader.size, reader.stored_size) != (row.size_bytes, row.stored_bytes):
                raise Corrupt("The stored media does not have the size that was recorded.")
            reader.verify(row.sha256)
    except KeyMissing as problem:
        return _MISSING_KEY, problem.kek_id
    except ObjectMissing as problem:
        return "missing", problem.detail
    except Corrupt as problem:
        return "damaged", problem.detail
    except OSError as error:
        return "damaged", f"It cannot be read: {error.strerror}."
    return None
