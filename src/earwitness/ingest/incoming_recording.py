"""A recording that is being ingested: its media is encrypted as it arrives, made durable, and accepted."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from sqlalchemy.exc import DBAPIError

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.accounts.opening.unfit import UNKNOWN_WHETHER_COMMITTED
from earwitness.archive.database.errors import is_full
from earwitness.archive.ledger.ledger import Action
from earwitness.ingest.accept_together import accept
from earwitness.ingest.arrivals import Accepted, Arrival, SealedMedia
from earwitness.ingest.late_additions import add_late_media
from earwitness.ingest.parsed_metadata import ParsedMetadata, parse_body
from earwitness.kernel.deadlines import moved, work_on
from earwitness.media.flow import Bytes
from earwitness.media.vault import SealedUpload, new_recording_key


class IncomingRecording:
    """One recording that is being ingested: `write` its media, if it has any, then `accept` it."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._cleanup = ExitStack()
        self._key = new_recording_key()
        self._upload: SealedUpload | None = None
        self.is_open = False
        """Whether media came, and `close` has something to do."""

    def write(self, data: Bytes) -> None:
        """Add bytes of media. If no bytes come at all, there is no media. Raises StorageFull."""
        if not data:
            return
        if self._upload is None:
            self._upload = self._cleanup.enter_context(self._archive.vault.new(self._key, "raw"))
            self.is_open = True
        self._upload.write(data)

    def accept(self, body: bytes, action: Action) -> Accepted:
        """Make the media durable, then commit the recording. Raises BadRequest, Conflict, StorageFull."""
        work_on(len(body))
        return self.accept_parsed(parse_body(body, has_media=self._upload is not None), action)

    def accept_parsed(self, metadata: ParsedMetadata, action: Action) -> Accepted:
        """The same with metadata that has been parsed."""
        return self._commit(lambda media: accept(self._archive, Arrival(metadata, action, media)))

    def accept_late_media(self, third_party_id: str, action: Action) -> Accepted:
        """Add the media to a recording that is in the archive. Raises NotFound, Conflict, StorageFull."""

        def add(media: SealedMedia | None) -> Accepted:
            with self._archive.write() as connection:
                return add_late_media(connection, self._archive, third_party_id, media, action)

        return self._commit(add)

    def close(self) -> None:
        """Remove what was not accepted."""
        self._cleanup.close()
        self.is_open = False

    def _commit(self, write: Callable[[SealedMedia | None], Accepted]) -> Accepted:
        media = SealedMedia(self._upload.finish(), self._key) if self._upload else None
        moved()
        try:
            accepted = write(media)
        except UNKNOWN_WHETHER_COMMITTED as error:
            if self._upload and not (isinstance(error, DBAPIError) and is_full(error)):
                self._upload.leave()
            raise
        if self._upload and accepted.keeps_media:
            self._upload.keep()
        for name in accepted.replaced_objects or ():
            self._archive.store.delete(name)
        return accepted


@contextmanager
def receive(archive: Archive) -> Iterator[IncomingRecording]:
    """Begin to ingest a recording. If it is not accepted when the block ends, nothing of it is kept."""
    incoming = IncomingRecording(archive)
    try:
        yield incoming
    finally:
        incoming.close()
