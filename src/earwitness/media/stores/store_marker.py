"""The marker of a media store: a small object at its top that names its installation and the store.

    earwitness-store     {"installation": "<32 hex digits>", "store": "<32 hex digits>"}

On disk it is a file in the data folder. It is copied with the media, so that a copy is the same store.
"""

import hashlib
import json
import os
import queue
import secrets
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from earwitness.kernel.errors import Unavailable
from earwitness.kernel.extras import extra_for
from earwitness.kernel.settings import Settings
from earwitness.media.differing import Differs
from earwitness.media.stores.durable import make_folder, room, sync_folder

if TYPE_CHECKING:
    from earwitness.media.stores.bucket import Bucket

T = TypeVar("T")

MARKER = "earwitness-store"
ON_DISK = "disk"

_PATIENCE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class StoreMarker:
    """The id of the installation that a store belongs to, and the id of the store."""

    installation: str
    store: str


def place_of(settings: Settings) -> str:
    """Where the settings say that media is stored, without credentials that may be in the URL."""
    scheme, _, place = settings.media_url.rstrip("/").partition("://")
    return f"{scheme}://{place.rpartition('@')[2]}" if place else ON_DISK


def new_marker(settings: Settings, installation: str) -> StoreMarker:
    """A marker for a store that has none.

    For a bucket it is always the same: several servers may start at once, and not all S3 servers keep the
    first object.
    """
    seed = f"{installation} {place_of(settings)}".encode()
    own = hashlib.sha256(seed).hexdigest()[:32] if settings.media_url else secrets.token_hex(16)
    return StoreMarker(installation, own)


def read_marker(settings: Settings) -> StoreMarker | None:
    """The marker of the store, if any. Raises Differs if it is damaged, and Unavailable within seconds."""
    text = read_object(settings, MARKER) if settings.media_url else _read_file(settings.data / MARKER)
    if text is None:
        return None
    try:
        content = json.loads(text)
        return StoreMarker(str(content["installation"]), str(content["store"]))
    except (ValueError, KeyError, TypeError):
        detail = f"The object {MARKER} of the store of media is damaged."
        raise Differs("store", detail, f"It is in {place_in_words(settings)}.") from None


def write_marker(settings: Settings, marker: StoreMarker) -> None:
    """Write the marker of a store, unless it has one. Raises Unavailable and StorageFull."""
    text = json.dumps(asdict(marker)).encode() + b"\n"
    if settings.media_url:
        _soon(lambda: _put_into(_bucket(settings), text))
    else:
        write_once(settings.data / MARKER, text)


def read_object(settings: Settings, key: str) -> bytes | None:
    """A small object at the top of the bucket, if it is there. Raises Unavailable within seconds."""
    return _soon(lambda: _read_from(_bucket(settings), key))


def replace_object(settings: Settings, key: str, content: bytes) -> None:
    """Write a small object at the top of the bucket. Raises Unavailable within seconds."""
    _soon(lambda: _put_into(_bucket(settings), content, key, "overwrite"))


def place_in_words(settings: Settings) -> str:
    place = place_of(settings)
    return f"the data folder {settings.data.absolute()}" if place == ON_DISK else place


def write_once(path: Path, content: bytes) -> None:
    """Write a small file durably, in one step, unless the file exists. Raises StorageFull."""
    make_folder(path.parent)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with room():
        fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(fd)
            try:
                os.link(beside, path)
            except FileExistsError:
                return
        finally:
            beside.unlink()
        sync_folder(path.parent)


def _read_file(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _bucket(settings: Settings) -> "Bucket":
    with extra_for("EARWITNESS_MEDIA_URL", extra="s3", brings="obstore"):
        from earwitness.media.stores.bucket import open_bucket
    return open_bucket(settings.media_url, "", persistent=False)


def _read_from(bucket: "Bucket", key: str) -> bytes | None:
    import obstore

    from earwitness.media.stores.bucket import asking

    with asking():
        try:
            return bytes(obstore.get(bucket, key).bytes())
        except FileNotFoundError:
            return None


def _put_into(
    bucket: "Bucket",
    text: bytes,
    key: str = MARKER,
    mode: Literal["create", "overwrite"] = "create",
) -> None:
    import obstore
    from obstore.exceptions import AlreadyExistsError

    from earwitness.media.stores.bucket import asking

    with asking():
        try:
            obstore.put(bucket, key, text, mode=mode, use_multipart=False)
        except AlreadyExistsError:
            return


def _soon(ask: Callable[[], T]) -> T:
    """Call a bucket in a thread, so that a server can start although the bucket does not answer."""
    answers: queue.SimpleQueue[T | Exception] = queue.SimpleQueue()

    def answer() -> None:
        try:
            answers.put(ask())
        except Exception as error:
            answers.put(error)

    threading.Thread(target=answer, name="store-marker", daemon=True).start()
    try:
        answered = answers.get(timeout=_PATIENCE_SECONDS)
    except queue.Empty:
        raise Unavailable("The store of media does not answer.") from None
    if isinstance(answered, Exception):
        raise answered
    return answered
