"""Where media objects lie, and how they come there without leaving anything half-done."""

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Protocol, Self

from earwitness.kernel.extras import extra_for
from earwitness.kernel.settings import Settings
from earwitness.media.flow import Bytes
from earwitness.media.stores.disk import DiskStore


class ObjectUpload(Protocol):
    """A new object. The order is: `write`, `publish`, commit its name to the database, `keep`.

        with store.new() as upload:
            upload.write(…)
            upload.publish()
            …                   the row that names it is committed
            upload.keep()

    Leaving the block without `keep` removes the object with no trace. A process that dies before
    `keep` leaves the choice to the next `sweep`, which asks the database.
    """

    @property
    def name(self) -> str: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def write(self, data: Bytes, /) -> None:
        """Add bytes. Raises StorageFull."""

    def publish(self) -> None:
        """Make the object durable under its name. Raises StorageFull."""

    def keep(self) -> None:
        """Let the object stay: the database names it."""

    def leave(self) -> None:
        """Let the next `sweep` decide: whether the database names the object is not known."""


class StoredObject(Protocol):
    """An object to read from; close it after use."""

    @property
    def size(self) -> int:
        """Its length in bytes."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def read(self, start: int, stop: int, /) -> bytes:
        """The bytes from `start` up to `stop`; fewer only where the object ends."""

    def read_into(self, start: int, into: memoryview, /) -> int:
        """Fill memory with the bytes from `start` on, as far as there are; how many."""

    def close(self) -> None: ...


class Store(Protocol):
    """The media objects of one account, under random names that are never used twice."""

    def new(self) -> ObjectUpload:
        """Begin an object under a new name."""

    def open(self, name: str) -> StoredObject:
        """Open an object to read. Raises ObjectMissing."""

    def exists(self, name: str) -> bool: ...

    def delete(self, name: str) -> None:
        """Remove an object durably. One that is not there is not missed."""

    def names(self) -> Iterator[str]:
        """The names of all objects, but those that are on their way in. Nothing is held in memory."""

    def sweep(self, is_known: Callable[[str], bool]) -> int:
        """Settle what dead processes left: keep what `is_known` says the database names, remove the rest.

        Uploads of living processes are left alone. Returns how many uploads were removed.
        """


def open_store(settings: Settings, client_id: int, *, persistent: bool = True) -> Store:
    """The store of one account's media: a bucket if one is set, else the disk. Raises SettingError.

    Unless it is `persistent`, what goes wrong with a bucket is tried again just once.
    """
    folder = settings.data / "accounts" / str(client_id)
    if not settings.media_url:
        return DiskStore(folder / "media")
    with extra_for("EARWITNESS_MEDIA_URL", extra="s3", brings="obstore"):
        from earwitness.media.stores.bucket import open_bucket
        from earwitness.media.stores.bucket_store import BucketStore
    bucket = open_bucket(settings.media_url, f"accounts/{client_id}/media", persistent=persistent)
    return BucketStore(bucket, folder / "incoming")


def check_store(settings: Settings) -> None:
    """Raise SettingError where `open_store` would: before anything is done, not at the first recording."""
    open_store(settings, 0)
