"""What a store of media objects does, and how an upload leaves nothing unfinished."""

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Protocol, Self

from earwitness.kernel.extras import extra_for
from earwitness.kernel.settings import Settings
from earwitness.media.flow import Bytes
from earwitness.media.stores.disk import DiskStore


class ObjectUpload(Protocol):
    """A new object. Call `write`, `publish`, commit its name to the database, call `keep`:

        with store.new() as upload:
            upload.write(…)
            upload.publish()
            …                   the row that names it is committed
            upload.keep()

    Leaving the block without `keep` removes the object. If the process dies before `keep`, the next `sweep`
    asks the database whether to keep the object.
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
        """Keep the object, since the database names it."""

    def leave(self) -> None:
        """Let the next `sweep` decide, since it is not known whether the database names the object."""


class StoredObject(Protocol):
    """An object to read. Close it after use."""

    @property
    def size(self) -> int:
        """Its length in bytes."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def read(self, start: int, stop: int, /) -> bytes:
        """The bytes from `start` up to `stop`; fewer only at the end of the object."""

    def read_into(self, start: int, into: memoryview, /) -> int:
        """Read the bytes from `start` on into memory. Returns how many there were."""

    def close(self) -> None: ...


class Store(Protocol):
    """The media objects of one account, under random names that are never used twice."""

    def new(self) -> ObjectUpload:
        """Begin an object under a new name."""

    def open(self, name: str) -> StoredObject:
        """Open an object to read. Raises ObjectMissing."""

    def exists(self, name: str) -> bool: ...

    def delete(self, name: str) -> None:
        """Remove an object durably, if it exists."""

    def names(self) -> Iterator[str]:
        """The names of all objects that are not being uploaded, one after the other."""

    def sweep(self, is_known: Callable[[str], bool]) -> int:
        """Keep or remove the uploads of processes that died: keep those that the database names (`is_known`).

        Uploads of running processes stay. Returns how many uploads were removed.
        """


def open_store(settings: Settings, client_id: int, *, persistent: bool = True) -> Store:
    """The store of an account's media: the bucket of the settings, else the disk. Raises SettingError.

    Unless `persistent`, a request to a bucket that fails is repeated only once.
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
    """Raise SettingError if `open_store` would, so that it is found before the first recording."""
    open_store(settings, 0)
