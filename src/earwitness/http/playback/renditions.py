"""Renditions that no stored object holds: made when asked for, encrypted like all else, and removed again.

They are held a while, since a player that seeks asks for one part after the other, and who was told that it
takes long asks again. Those that the settings name become stored objects; so do those that an earlier way of
decoding made, in place of the old ones.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import partial

from sqlalchemy.exc import DBAPIError

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.database.timeline import lock_account
from earwitness.archive.media.playable import MediaObject, Playable, drop_outdated, playable_at
from earwitness.ingest.accept import add_object
from earwitness.kernel.deadlines import wait_for
from earwitness.kernel.errors import StorageFull, Unavailable
from earwitness.kernel.formats import Format
from earwitness.media.decoder import decoder
from earwitness.media.decoder.decoder import Rendition, Undecodable
from earwitness.media.measurement import DecoderLimits, known_of
from earwitness.media.vault import RecordingKey, Sealed, SealedUpload, Vault

_KEPT_SECONDS = 300
_MOST_IDLE = 16

STREAMS = 16
"""How many renditions at once are sent as they are made: each has a process as long as its client reads."""
PATIENCE_SECONDS = 5
"""How long the next waits for a place among them; it holds a thread meanwhile."""
_RETRY_SECONDS = 10

MAKINGS = 16
"""How many renditions at once are made whole, each in a thread of its own, whoever waits for it or leaves."""
FIRST_BYTE_SECONDS = 50
"""How long an answer waits for its first byte: proxies and clients often give up after a minute."""


class Streams:
    """The places of renditions that are sent as they are made."""

    def __init__(self) -> None:
        self._free = threading.BoundedSemaphore(STREAMS)

    @contextmanager
    def take(self) -> Iterator[None]:
        """Hold a place, after waiting a little for one. Raises Unavailable."""
        if not self._free.acquire(timeout=PATIENCE_SECONDS):
            raise Unavailable(
                "As many recordings are streamed as can be at once: try again, or without streamThrough.",
                code="streams-taken",
                headers={"Retry-After": str(_RETRY_SECONDS)},
            )
        try:
            yield
        finally:
            self._free.release()


@contextmanager
def rendering(
    vault: Vault,
    playable: Playable,
    key: RecordingKey,
    format_: Format,
    limits: DecoderLimits,
    first_byte_seconds: float | None = None,
) -> Iterator[Rendition]:
    """Begin to make a rendition. Raises FormatUnavailable (422), Corrupt (500), DecoderFailed (503)."""
    if playable.status == "undecodable":
        raise Undecodable
    assert format_ != "raw"  # noqa: S101 - that is stored
    raw = playable.objects["raw"]
    samples, opposite = known_of(playable.measurement)
    with (
        vault.open(raw.name, key, "raw") as source,
        decoder.render(
            source,
            format_,
            limits,
            samples,
            playable.hint,
            opposite=opposite,
            first_byte_seconds=first_byte_seconds,
        ) as rendition,
    ):
        yield rendition


@contextmanager
def made(
    archive: Archive,
    playable: Playable,
    key: RecordingKey,
    format_: Format,
    limits: DecoderLimits,
    *,
    keep: bool,
) -> Iterator[MediaObject]:
    """Make a rendition whole, encrypted; it goes when the block is left, unless it is to be kept."""
    with archive.vault.write(key, format_) as upload:
        with rendering(archive.vault, playable, key, format_, limits) as rendition:
            for chunk in rendition:
                upload.write(chunk)
        sealed = upload.finish()
        if keep and _store(archive, playable, format_, upload, sealed):
            upload.keep()
        yield MediaObject(format_, sealed.name, sealed.plain_size, sealed.sha256)


@contextmanager
def streamed(
    archive: Archive,
    playable: Playable,
    key: RecordingKey,
    format_: Format,
    limits: DecoderLimits,
    *,
    keep: bool,
) -> Iterator[Iterator[bytes]]:
    """Make a rendition as it is read; read to its end, it is stored if it is to be kept."""
    wait_for(FIRST_BYTE_SECONDS)
    with ExitStack() as leaving:
        rendition = leaving.enter_context(
            rendering(archive.vault, playable, key, format_, limits, FIRST_BYTE_SECONDS)
        )
        if not keep:
            yield rendition
            return
        upload = leaving.enter_context(archive.vault.write(key, format_))
        yield _stored_on_the_way(archive, playable, format_, rendition, upload)


def _stored_on_the_way(
    archive: Archive, playable: Playable, format_: str, rendition: Rendition, upload: SealedUpload
) -> Iterator[bytes]:
    has_room = True
    for chunk in rendition:
        has_room = has_room and _fits(upload, chunk)
        yield chunk
    # Who listens needs neither room nor database.
    with suppress(StorageFull, DBAPIError):
        if has_room and _store(archive, playable, format_, upload, upload.finish()):
            upload.keep()


def _fits(upload: SealedUpload, chunk: bytes) -> bool:
    try:
        upload.write(chunk)
    except StorageFull:
        return False
    return True


def _store(archive: Archive, playable: Playable, format_: str, upload: SealedUpload, sealed: Sealed) -> bool:
    """Name a rendition in the database; not if there is one by now, or what it was made of has changed.

    One that is outdated goes.
    """
    try:
        with archive.write() as connection:
            lock_account(connection)
            there = playable_at(connection, playable.position)
            if there.objects != playable.objects or there.vault_id != playable.vault_id:
                return False
            replaced = drop_outdated(connection, there, format_)
            add_object(connection, playable.position, format_, sealed)
    except DBAPIError:
        upload.leave()  # the commit may have happened, though its word was lost
        raise
    if replaced is not None:
        archive.store.delete(replaced)
    return True


class _Kept:
    """A rendition that is being made, was made or could not be made, and who uses it."""

    def __init__(self) -> None:
        self.begun = threading.Lock()
        self.ended = threading.Event()
        self.stored: MediaObject | None = None
        self.failure: Exception | None = None
        self.users = 0
        self.is_held = True
        """Whether it is held for who asks again; what is stored for good is found there."""
        self.leaving = ExitStack()
        self.expiry: threading.Timer | None = None


class Renditions:
    """The renditions that are kept for who asks again, five minutes after their last use; few at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._places = threading.BoundedSemaphore(MAKINGS)
        self._is_closed = False

    @contextmanager
    def kept(
        self,
        archive: Archive,
        playable: Playable,
        key: RecordingKey,
        format_: Format,
        limits: DecoderLimits,
        *,
        keep: bool,
    ) -> Iterator[MediaObject]:
        """Use a rendition, which is made if it is not there. Raises what `rendering` raises.

        What takes long is made all the same, and Unavailable raised meanwhile.
        """
        name = (playable.objects["raw"].name, format_)
        kept = self._take(name)
        kept.is_held = not keep
        try:
            if kept.begun.acquire(blocking=False):
                self._begin(name, kept, partial(made, archive, playable, key, format_, limits, keep=keep))
            wait_for(FIRST_BYTE_SECONDS)
            if not kept.ended.wait(FIRST_BYTE_SECONDS):
                raise Unavailable(
                    f"The {format_} is being made, which takes long: ask again, or with streamThrough.",
                    code="rendition-in-the-making",
                    headers={"Retry-After": str(_RETRY_SECONDS)},
                )
            if kept.failure is not None:
                raise kept.failure
            assert kept.stored is not None  # noqa: S101 - or it had failed
            yield kept.stored
        finally:
            self._give_back(name, kept)

    def _begin(
        self, name: tuple[str, str], kept: _Kept, make: Callable[[], AbstractContextManager[MediaObject]]
    ) -> None:
        """Have it made in a thread, which uses it as long. Without a place that is a failure."""
        wait_for(FIRST_BYTE_SECONDS)
        if not self._places.acquire(timeout=FIRST_BYTE_SECONDS):
            kept.failure = Unavailable(
                "As many recordings are converted as can be at once: try again.",
                code="conversions-taken",
                headers={"Retry-After": str(_RETRY_SECONDS)},
            )
            kept.ended.set()
            return

        def work() -> None:
            try:
                kept.stored = kept.leaving.enter_context(make())
            except Exception as error:
                kept.failure = error
            finally:
                self._places.release()
                kept.ended.set()
                self._give_back(name, kept)

        self._take(name)
        threading.Thread(target=work, daemon=True).start()

    def close(self) -> None:
        """Remove all that nobody uses, and what is still made once it is made."""
        with self._lock:
            self._is_closed = True
            idle = [name for name, kept in self._kept.items() if not kept.users]
        for name in idle:
            self._remove(name)

    def _take(self, name: tuple[str, str]) -> _Kept:
        with self._lock:
            kept = self._kept.setdefault(name, _Kept())
            kept.users += 1
            if kept.expiry:
                kept.expiry.cancel()
            return kept

    def _give_back(self, name: tuple[str, str], kept: _Kept) -> None:
        with self._lock:
            kept.users -= 1
            if kept.users:
                return
            # The one that was used last stands last.
            self._kept[name] = self._kept.pop(name)
            idle = [name for name, kept in self._kept.items() if not kept.users]
            kept.expiry = threading.Timer(_KEPT_SECONDS, self._remove, [name])
            kept.expiry.daemon = True
            kept.expiry.start()
        is_held = kept.is_held and kept.stored is not None and not self._is_closed
        for surplus in idle[:-_MOST_IDLE] if is_held else [name]:
            self._remove(surplus)

    def _remove(self, name: tuple[str, str]) -> None:
        """Remove one, unless it is in use by now."""
        with self._lock:
            kept = self._kept.get(name)
            if kept is None or kept.users:
                return
            del self._kept[name]
        if kept.expiry:
            kept.expiry.cancel()
        with suppress(OSError):
            kept.leaving.close()
