"""Playing for players: one recording, asked for in many requests, remembered once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from litestar import Response

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.ledger.ledger import Action, AuditSubjects, Entry
from earwitness.archive.media.playable import Playable, find_playable
from earwitness.http.installation import Installation
from earwitness.http.playback.ranges import Asked
from earwitness.http.playback.responses import check_playable, send_part
from earwitness.kernel.errors import Problem
from earwitness.kernel.formats import Format
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import Wire, convert
from earwitness.operations.audit_subjects import as_played
from earwitness.operations.running import record_access


class MediaWanted(Wire):
    """What a recording is to be played as; the comment where the account asks for one."""

    format: Format | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Play:
    """One request to play a recording: who asks, what was sent, and how the ledger is to remember it."""

    installation: Installation
    archive: Archive
    viewer: Viewer
    action: Action
    interaction_id: int
    given: Any = None
    more: dict[str, object] = field(default_factory=dict)
    """What its row carries beside the format and the comment."""

    @property
    def metadata(self) -> dict[str, object]:
        return as_played(self.given) | self.more

    def look_up(self) -> tuple[Playable, Format]:
        """What to play, and as what. Raises Forbidden, BadRequest and NotFound."""
        self.viewer.require(Right.RECORDING_PLAY)
        wanted: MediaWanted = convert(self.given, MediaWanted)
        with self.archive.read() as connection:
            playable = find_playable(connection, self.viewer, self.interaction_id)
            check_playable(connection, playable, wanted.comment)
        return playable, wanted.format or "mp3"

    def answer(self, asked: Asked) -> Response[Any] | Callable[[], Response[Any]]:
        """Answer with what is stored; what must be made first is answered by what this gives.

        A refusal, then or now, has its row in the ledger.
        """
        with self.remembering():
            playable, format_ = self.look_up()
            if playable.stored(format_) is not None:
                return self._send(playable, format_, asked)

        def make() -> Response[Any]:
            with self.remembering():
                return self._send(playable, format_, asked)

        return make

    @contextmanager
    def remembering(self) -> Iterator[None]:
        """Write a row for what is refused meanwhile, if there is such a recording."""
        try:
            yield
        except Problem as problem:
            named = AuditSubjects(interaction_ids=[self.interaction_id])
            record_access(self.archive, self.action, self.viewer, named, int(problem.status), self.metadata)
            raise

    def _send(self, playable: Playable, format_: Format, asked: Asked) -> Response[Any]:
        """Answer as `send_part` does; the row is written before the first byte leaves, if one does."""

        def remember(status: int) -> None:
            if self.action.method == "HEAD":
                return
            row = Entry(self.interaction_id, metadata=self.metadata, response_code=status)
            self.installation.plays.remember(self.archive, self.action, row)

        return send_part(self.archive, playable, format_, self.installation, asked=asked, before=remember)
