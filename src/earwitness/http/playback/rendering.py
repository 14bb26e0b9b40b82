"""Making a rendition that is not stored: whole, or while it is sent.

A rendition is encrypted like everything else. It is stored for good where the settings name its format, and
where it replaces a stored rendition of an earlier version of the decoder.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain

from sqlalchemy.exc import DBAPIError

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.media.playable import MediaObject, Playable, drop_outdated, playable_at
from earwitness.http.playback.rendition_room import RenditionRoom, Share
from earwitness.http.playback.rendition_size import RenditionTooLarge, expected_size
from earwitness.http.playback.rendition_time import RenditionSpeeds, RenditionTooSlow
from earwitness.ingest.original_media import add_media_object
from earwitness.kernel.deadlines import wait_for
from earwitness.kernel.errors import StorageFull, Unavailable
from earwitness.kernel.formats import FORMATS, Format, formats_for
from earwitness.media.decoder import decoder
from earwitness.media.decoder.decoder import FormatUnavailable, Rendition, Undecodable
from earwitness.media.decoding.containers.wav_header import stated_size
from earwitness.media.measurement import DecoderLimits, known_of
from earwitness.media.vault import RecordingKey, Sealed, SealedUpload

FIRST_BYTE_SECONDS = 50
"""How long an answer waits for its first byte: proxies and clients often give up after a minute."""


@dataclass(frozen=True, slots=True)
class RenditionRequest:
    """A rendition of a recording to make. `keep` says whether it is then stored for good."""

    archive: Archive
    playable: Playable
    key: RecordingKey
    format: Format
    limits: DecoderLimits
    keep: bool
    room: RenditionRoom = field(default_factory=RenditionRoom)
    speeds: RenditionSpeeds = field(default_factory=RenditionSpeeds)

    @property
    def expected_bytes(self) -> int | None:
        """How large it will be, as far as that is known."""
        return expected_size(self.format, self.playable.measurement)

    def check(self) -> None:
        """Refuse what is known to be impossible, before a place is taken for it.

        Raises FormatUnavailable, RenditionTooLarge and RenditionTooSlow.
        """
        measured = self.playable.measurement
        if self.playable.status == "undecodable":
            raise Undecodable
        if measured and not measured["audio"] and FORMATS[self.format].needs == "sound":
            raise FormatUnavailable(formats_for("decoding"))
        self.check_size(self.expected_bytes or 0)
        if not self.speeds.allow(self.archive.client_id, measured, self.format, self.limits.seconds):
            raise RenditionTooSlow(self.format, self.limits.seconds, self._available())

    def check_size(self, size: int) -> None:
        """Raise RenditionTooLarge for a rendition of so many bytes, if that is too many."""
        largest = self.room.limits.largest_bytes
        if size > largest:
            raise RenditionTooLarge(self.format, largest, self._available())

    def learn(self, made: Rendition) -> None:
        """Learn from what was made how fast this machine is."""
        expected = self.expected_bytes
        share = 1.0 if made.is_whole else made.size_bytes / expected if expected else 0.0
        self.speeds.learn(self.archive.client_id, self.playable.measurement, self.format, made.seconds, share)

    def _available(self) -> list[Format]:
        """The formats that are stored, or known to be small enough, and quick enough as far as is known."""
        measured, largest = self.playable.measurement, self.room.limits.largest_bytes
        offered = formats_for("sound" if measured and measured["audio"] else "decoding")

        def is_possible(format_: Format) -> bool:
            size = expected_size(format_, measured)
            is_small = size is not None and size <= largest
            return is_small and self.speeds.allow(
                self.archive.client_id, measured, format_, self.limits.seconds
            )

        return [one for one in offered if one in self.playable.objects or is_possible(one)]


@contextmanager
def begin_rendition(
    request: RenditionRequest, first_byte_seconds: float | None = None
) -> Iterator[Iterator[bytes]]:
    """Begin to make a rendition, of a request that was checked.

    Raises FormatUnavailable and RenditionTooLarge (422), Corrupt (500), DecoderFailed (503). The last three
    may also be raised while it is read.
    """
    playable = request.playable
    assert request.format != "raw"  # noqa: S101 - the original is always stored
    original = playable.objects["raw"]
    samples, opposite = known_of(playable.measurement)
    with (
        request.archive.vault.open(original.name, request.key, "raw") as source,
        decoder.render(
            source,
            request.format,
            request.limits,
            samples,
            playable.hint,
            opposite=opposite,
            first_byte_seconds=first_byte_seconds,
        ) as rendition,
    ):
        try:
            first = next(rendition, b"")
            if FORMATS[request.format].coding == "pcm":
                # What is not measured yet has been counted by now, and nothing of it is written or sent.
                request.check_size(stated_size(first))
            yield _within(request, chain([first] if first else [], rendition))
        finally:
            request.learn(rendition)


def _within(request: RenditionRequest, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks, up to the largest rendition: not everything can be known before it is made."""
    size = 0
    for chunk in chunks:
        size += len(chunk)
        request.check_size(size)
        yield chunk


@contextmanager
def make_rendition(request: RenditionRequest) -> Iterator[MediaObject]:
    """Make a rendition whole, encrypted. Leaving the block removes it, unless it is to be kept.

    Raises what `begin_rendition` raises, Unavailable if there is no room for it, and StorageFull.
    """
    with (
        request.room.take(request.archive.client_id, request.expected_bytes) as share,
        request.archive.vault.new(request.key, request.format) as upload,
    ):
        with begin_rendition(request) as rendition:
            for chunk in rendition:
                share.write(len(chunk))
                upload.write(chunk)
        sealed = upload.finish()
        share.finish()
        if request.keep and store_rendition(request, upload, sealed):
            upload.keep()
        yield MediaObject(request.format, sealed.name, sealed.plain_size, sealed.sha256)


@contextmanager
def stream_rendition(
    request: RenditionRequest, first_byte_seconds: float = FIRST_BYTE_SECONDS
) -> Iterator[Iterator[bytes]]:
    """Make a rendition while it is read. If it is to be kept, it is stored once it was read to its end."""
    wait_for(first_byte_seconds)
    with ExitStack() as leaving:
        rendition = leaving.enter_context(begin_rendition(request, first_byte_seconds))
        share = _share_to_keep(request, leaving)
        if share is None:
            yield rendition
            return
        upload = leaving.enter_context(request.archive.vault.new(request.key, request.format))
        yield _store_while_reading(request, rendition, upload, share)


def _share_to_keep(request: RenditionRequest, leaving: ExitStack) -> Share | None:
    """A share of the room for a rendition that is to be kept. A listener does not need that there is room."""
    if not request.keep:
        return None
    try:
        return leaving.enter_context(request.room.take(request.archive.client_id, request.expected_bytes))
    except Unavailable:
        return None


def _store_while_reading(
    request: RenditionRequest, rendition: Iterator[bytes], upload: SealedUpload, share: Share
) -> Iterator[bytes]:
    has_room = True
    for chunk in rendition:
        has_room = has_room and _write(upload, share, chunk)
        yield chunk
    # A listener needs neither a store with room nor the database, so their failures do not end the answer.
    with suppress(StorageFull, DBAPIError):
        if has_room and store_rendition(request, upload, upload.finish()):
            upload.keep()


def _write(upload: SealedUpload, share: Share, chunk: bytes) -> bool:
    """Whether there was room for a chunk."""
    try:
        share.write(len(chunk))
        upload.write(chunk)
    except (StorageFull, Unavailable):
        return False
    return True


def store_rendition(request: RenditionRequest, upload: SealedUpload, sealed: Sealed) -> bool:
    """Add a rendition to the database, in place of an outdated one. Returns whether it was added.

    It is not added if the recording has it by now, or if its original or its key has changed meanwhile.
    """
    archive, playable = request.archive, request.playable
    try:
        with archive.write() as connection:
            now = playable_at(connection, playable.position)
            if now.objects != playable.objects or now.vault_id != playable.vault_id:
                return False
            replaced = drop_outdated(connection, now, request.format)
            add_media_object(connection, playable.position, request.format, sealed)
    except DBAPIError:
        upload.leave()  # the commit may have happened although its answer was lost
        raise
    if replaced is not None:
        archive.store.delete(replaced)
    return True
