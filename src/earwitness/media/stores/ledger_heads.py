"""Where the head of a ledger is kept, apart from its database: its last checkpoint that anybody was given.

    ledger-heads/<accountGuid>     in the folder of keys, if this machine has one
    ledger/<accountGuid>           at the top of the store of media: in the data folder, or in the bucket

So a database that was replaced by an older copy is noticed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Protocol

from earwitness.kernel.errors import Unavailable
from earwitness.kernel.settings import Settings
from earwitness.media.keys import key_file
from earwitness.media.stores.durable import room, write_file
from earwitness.media.stores.store_marker import read_object, replace_object

_SILENT_SECONDS = 30.0

Replaces = Callable[[bytes | None], bool]
"""Whether the new content may replace what is there."""


class Place(Protocol):
    """A place for the head of one ledger. Both raise OSError or a Problem, within seconds."""

    @property
    def name(self) -> str:
        """What sentences call it."""

    @property
    def account_guid(self) -> str:
        """The account whose ledger it is for."""

    def read(self) -> bytes | None: ...

    def write(self, content: bytes, replaces: Replaces) -> None: ...


class FilePlace:
    """A file. Processes of this machine write it one after the other."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.account_guid = path.name
        self._path = path

    def read(self) -> bytes | None:
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return None

    def write(self, content: bytes, replaces: Replaces) -> None:
        with room(), key_file.locked(self._path.parent):
            if replaces(self.read()):
                write_file(self._path, content)


class BucketPlace:
    """An object in the bucket. If two servers write at once, the smaller head may stay until the next."""

    def __init__(self, settings: Settings, key: str) -> None:
        self.name = "store of media"
        self.account_guid = key.rpartition("/")[2]
        self._settings = settings
        self._key = key

    def read(self) -> bytes | None:
        with _bucket_answers():
            return read_object(self._settings, self._key)

    def write(self, content: bytes, replaces: Replaces) -> None:
        if replaces(self.read()):
            with _bucket_answers():
                replace_object(self._settings, self._key, content)


class _Silence:
    """Until when the bucket is not asked again, because it gave no answer: there may be many ledgers."""

    until = 0.0


@contextmanager
def _bucket_answers() -> Iterator[None]:
    if monotonic() < _Silence.until:
        raise Unavailable("The store of media did not answer a moment ago.")
    try:
        yield
    except Unavailable:
        _Silence.until = monotonic() + _SILENT_SECONDS
        raise


def places_of(settings: Settings, account_guid: str) -> Iterator[Place]:
    """The places of this machine for the head of an account's ledger."""
    if settings.keys_folder.is_dir():
        yield FilePlace("folder of keys", settings.keys_folder / "ledger-heads" / account_guid)
    if settings.media_url:
        yield BucketPlace(settings, f"ledger/{account_guid}")
    else:
        yield FilePlace("store of media", settings.data / "ledger" / account_guid)
