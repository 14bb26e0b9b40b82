"""Reception: media is encrypted as it arrives, made durable, and accepted; or it leaves no trace."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.database.errors import is_full
from earwitness.archive.ledger.ledger import Action
from earwitness.ingest.accept import Accepted, Arrival, Media, accept
from earwitness.ingest.late import accept_media
from earwitness.ingest.received import Received, read
from earwitness.kernel.deadlines import moved, work_on
from earwitness.media.vault import SealedUpload, new_recording_key


class Reception:
    """One recording on its way in: `write` its media, if it has any, then `accept` it."""

    def __init__(self, archive: Archive, leaving: ExitStack) -> None:
        self._archive = archive
        self._leaving = leaving
        self._key = new_recording_key()
        self._upload: SealedUpload | None = None

    def write(self, data: bytes) -> None:
        """Add media bytes; none at all are no media. Raises StorageFull."""
        if not data:
            return
        if self._upload is None:
            self._upload = self._leaving.enter_context(self._archive.vault.write(self._key, "raw"))
        self._upload.write(data)

    def accept(self, body: bytes, action: Action) -> Accepted:
        """Make the media durable, then commit the recording. Raises BadRequest, Conflict, StorageFull."""
        work_on(len(body))
        return self.accept_read(read(body, has_media=self._upload is not None), action)

    def accept_read(self, received: Received, action: Action) -> Accepted:
        """The same with metadata that was read before."""
        return self._commit(
            lambda connection, media: accept(connection, self._archive, Arrival(received, media), action),
            patient=received.is_long,
        )

    def accept_late(self, third_party_id: str, action: Action) -> Accepted:
        """The same for the media of a recording that is there. Raises NotFound, Conflict, StorageFull."""
        return self._commit(
            lambda connection, media: accept_media(connection, self._archive, third_party_id, media, action)
        )

    def _commit(
        self, step: Callable[[Connection, Media | None], Accepted], *, patient: bool = False
    ) -> Accepted:
        media = Media(self._upload.finish(), self._key) if self._upload else None
        moved()
        try:
            with self._archive.write(patient=patient) as connection:
                accepted = step(connection, media)
        except DBAPIError as error:
            if self._upload and not is_full(error):
                self._upload.leave()  # the commit may have happened, though its word was lost
            raise
        if self._upload and accepted.keeps_media:
            self._upload.keep()
        for name in accepted.replaced or ():
            self._archive.store.delete(name)
        return accepted


@contextmanager
def receive(archive: Archive) -> Iterator[Reception]:
    """Begin to take a recording in; leaving the block before it is accepted leaves nothing behind."""
    with ExitStack() as leaving:
        yield Reception(archive, leaving)
