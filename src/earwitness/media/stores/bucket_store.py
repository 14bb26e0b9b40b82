"""Media objects in a bucket.

    ab/cd/<28 more hex digits>/00000   the first 8 MiB of an object; its name is the path without the number
    ab/cd/<28 more hex digits>/00001   the next 8 MiB, and so on

Each part is put by one request, as a whole or not at all, and never replaces another. The multipart uploads
of S3 are not used: a crash leaves an unfinished one, which is not listed but costs money. Parts are ordinary
objects. Before the first part is put, a marker on the local disk names the object. So after a crash it is
known which parts to remove, without searching the bucket.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError

from earwitness.kernel.errors import Corrupt
from earwitness.media.flow import Bytes
from earwitness.media.stores.bucket import Bucket, StoreUnavailable, asking
from earwitness.media.stores.durable import sync_folder
from earwitness.media.stores.incoming import Incoming, UploadMarker
from earwitness.media.stores.object_names import ObjectMissing, check_name, is_name

if TYPE_CHECKING:
    from obstore import ObjectMeta

log = logging.getLogger(__name__)

PART_SIZE = 8 << 20

_PARTS_AT_ONCE = 2
_LISTED_AT_ONCE = 1000
_FIRST_READ_SIZE = 64 << 10
# Each machine that uses the bucket knows only its own uploads. An object of this age is not an upload of
# another.
_SETTLED_AFTER = timedelta(days=1)
_LATEST_ARRIVAL_SECONDS = 300


class BucketStore:
    """The objects of one account in a bucket, and the markers of its uploads in a local folder."""

    def __init__(self, bucket: Bucket, incoming: Path, settled_after: timedelta = _SETTLED_AFTER) -> None:
        self._bucket = bucket
        self._incoming = Incoming(incoming)
        self._settled_after = settled_after

    def new(self) -> "BucketUpload":
        marker = self._incoming.begin()
        sync_folder(marker.path.parent)
        return BucketUpload(self._bucket, marker)

    def open(self, name: str) -> "BucketObject":
        parts = _parts(self._bucket, check_name(name))
        if not parts:
            raise ObjectMissing(f"The media object {name} is missing.")
        return BucketObject(self._bucket, name, [part["size"] for part in parts])

    def exists(self, name: str) -> bool:
        return is_name(name) and bool(_parts(self._bucket, name))

    def delete(self, name: str) -> None:
        _delete(self._bucket, [part["path"] for part in _parts(self._bucket, check_name(name))])

    def names(self) -> Iterator[str]:
        settled = datetime.now(UTC) - self._settled_after
        for name, parts in groupby(self._listed(), key=lambda part: part["path"].rpartition("/")[0]):
            is_settled = all(part["last_modified"] <= settled for part in parts)
            if is_name(name) and is_settled and not self._incoming.holds(name):
                yield name

    def sweep(self, is_known: Callable[[str], bool]) -> int:
        removed = 0
        for marker in self._incoming.abandoned():
            try:
                if is_known(marker.name):
                    marker.remove()
                    continue
                self.delete(marker.name)
                removed += 1
                # A part that was being sent may still arrive. The marker stays, so that the next sweep finds
                # it.
                if marker.idle_seconds() > _LATEST_ARRIVAL_SECONDS:
                    marker.remove()
            except StoreUnavailable as problem:
                log.warning(
                    "media store: an unfinished upload could not be removed; the next sweep tries again: %s",
                    problem.detail,
                )
        return removed

    def _listed(self) -> "Iterator[ObjectMeta]":
        with asking():
            for batch in obstore.list(self._bucket, chunk_size=_LISTED_AT_ONCE):
                yield from batch


class BucketUpload:
    """A new object in a bucket; see `ObjectUpload`. At most three parts of it are in memory at once."""

    def __init__(self, bucket: Bucket, marker: UploadMarker) -> None:
        self.name = marker.name
        self._bucket = bucket
        self._marker = marker
        self._part = bytearray()
        self._begun = 0
        self._put: list[str] = []
        self._putting: deque[Future[None]] = deque()
        self._threads = ThreadPoolExecutor(_PARTS_AT_ONCE, thread_name_prefix="put")
        self._is_unsure = self._published = self._settled = False

    def __enter__(self) -> "BucketUpload":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._threads.shutdown(cancel_futures=True)
            if not self._settled:
                # If it cannot be removed now, its marker stays, and the next sweep removes it.
                with suppress(StoreUnavailable):
                    self._remove()
        finally:
            self._marker.close()

    def write(self, data: Bytes, /) -> None:
        view = memoryview(data)
        while len(view) > (room := PART_SIZE - len(self._part)):
            self._part += view[:room]
            view = view[room:]
            self._send_part()
        self._part += view

    def publish(self) -> None:
        self._send_part()
        while self._putting:
            self._putting.popleft().result()
        self._published = True

    def keep(self) -> None:
        if not self._published:
            raise ValueError("only what is published can be kept")
        self._settled = True
        self._marker.remove()

    def leave(self) -> None:
        self._settled = True

    def _send_part(self) -> None:
        while len(self._putting) >= _PARTS_AT_ONCE:
            self._putting.popleft().result()
        part, self._part = self._part, bytearray()
        self._marker.touch()
        self._putting.append(self._threads.submit(self._put_part, _path(self.name, self._begun), part))
        self._begun += 1

    def _put_part(self, path: str, part: bytearray) -> None:
        try:
            with asking():
                obstore.put(self._bucket, path, part, mode="create", use_multipart=False)
        except StoreUnavailable as problem:
            self._is_unsure = True
            if isinstance(problem.__cause__, AlreadyExistsError):
                raise FileExistsError(path) from None
            raise
        self._put.append(path)

    def _remove(self) -> None:
        """Remove the parts. A request that failed may put its part later; the next sweep removes that one."""
        _delete(self._bucket, self._put)
        if not self._is_unsure:
            self._marker.remove()


class BucketObject:
    """An object in a bucket; see `StoredObject`. Each sequential read fetches more than the one before."""

    def __init__(self, bucket: Bucket, name: str, sizes: list[int]) -> None:
        if any(size != sizes[0] for size in sizes[:-1]):
            raise Corrupt(f"The media object {name} is incomplete: a part is missing or cut short.")
        self.size = sum(sizes)
        self._bucket = bucket
        self._name = name
        self._part_size = max(sizes[0], 1)
        self._begin, self._held = -1, b""
        self._step = _FIRST_READ_SIZE

    def __enter__(self) -> "BucketObject":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read(self, start: int, stop: int, /) -> bytes:
        taken = bytearray()
        while (at := start + len(taken)) < min(stop, self.size):
            if not self._begin <= at < self._begin + len(self._held):
                self._fetch(at, stop)
            offset = at - self._begin
            taken += memoryview(self._held)[offset : offset + stop - at]
        return bytes(taken)

    def read_into(self, start: int, into: memoryview, /) -> int:
        taken = self.read(start, start + len(into))
        into[: len(taken)] = taken
        return len(taken)

    def close(self) -> None:
        self._held = b""

    def _fetch(self, at: int, stop: int) -> None:
        reads_on = at == self._begin + len(self._held)
        self._step = max(min(self._step * 2, PART_SIZE) if reads_on else _FIRST_READ_SIZE, stop - at)
        number, offset = divmod(at, self._part_size)
        end = min(offset + self._step, self._part_size, self.size - number * self._part_size)
        with asking():
            try:
                piece = obstore.get_range(self._bucket, _path(self._name, number), start=offset, end=end)
            except FileNotFoundError:
                raise ObjectMissing(f"A part of the media object {self._name} is missing.") from None
        self._begin, self._held = at, bytes(piece)


def _path(name: str, number: int) -> str:
    return f"{name}/{number:05}"


def _parts(bucket: Bucket, name: str) -> "list[ObjectMeta]":
    """The parts of an object in their order; none if there is no such object.

    Swift may list a part long after it was put. A part that may exist and is not listed is requested by its
    name.
    """
    parts: list[ObjectMeta] = []
    with asking():
        listed = {
            part["path"]: part
            for batch in obstore.list(bucket, name, chunk_size=_LISTED_AT_ONCE)
            for part in batch
        }
        while part := listed.pop(path := _path(name, len(parts)), None) or _head(bucket, path):
            parts.append(part)
            if part["size"] < PART_SIZE and not listed:
                break
    return parts + sorted(listed.values(), key=lambda part: part["path"])


def _head(bucket: Bucket, path: str) -> "ObjectMeta | None":
    try:
        return obstore.head(bucket, path)
    except FileNotFoundError:
        return None


def _delete(bucket: Bucket, paths: list[str]) -> None:
    with asking(), suppress(FileNotFoundError):
        obstore.delete(bucket, paths)
