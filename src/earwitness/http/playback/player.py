"""Playing for players: many requests for one recording, and one row for them in the ledger."""

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
from earwitness.http.playback.ranges import RequestConditions
from earwitness.http.playback.responses import check_playable, send_part
from earwitness.kernel.errors import Problem
from earwitness.kernel.formats import DEFAULT_FORMAT, Format
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import Wire, convert
from earwitness.operations.audit_subjects import as_played
from earwitness.operations.running import record_access


class MediaWanted(Wire):
    """The format to play a recording in, and a comment, which some accounts require."""

    format: Format | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Play:
    """One request to play a recording: the viewer, what was sent, and its action in the ledger."""

    installation: Installation
    archive: Archive
    viewer: Viewer
    action: Action
    interaction_id: int
    sent: Any = None
    more: dict[str, object] = field(default_factory=dict)
    """What its row in the ledger has besides the format and the comment."""

    @property
    def metadata(self) -> dict[str, object]:
        return as_played(self.sent) | self.more

    @property
    def _is_head(self) -> bool:
        return self.action.method == "HEAD"

    def look_up(self) -> tuple[Playable, Format]:
        """The recording and the format to play. Raises Forbidden, BadRequest and NotFound."""
        self.viewer.require(Right.RECORDING_PLAY)
        query: MediaWanted = convert(self.sent, MediaWanted)
        with self.archive.read() as connection:
            playable = find_playable(connection, self.viewer, self.interaction_id)
            check_playable(connection, playable, query.comment)
        return playable, query.format or DEFAULT_FORMAT

    def answer(self, conditions: RequestConditions) -> Response[Any] | Callable[[], Response[Any]]:
        """The answer, if the format is stored; else a function that makes the rendition and answers with it.

        Nothing is made for HEAD. A refusal is written to the ledger, now or when the function is called.
        """
        with self.remembering():
            playable, format_ = self.look_up()
            if self._is_head or playable.stored(format_) is not None:
                return self._send(playable, format_, conditions)

        def make() -> Response[Any]:
            with self.remembering():
                return self._send(playable, format_, conditions)

        return make

    @contextmanager
    def remembering(self) -> Iterator[None]:
        """Write a refusal that is raised in the block to the ledger, if the recording exists."""
        try:
            yield
        except Problem as problem:
            subjects = AuditSubjects(interaction_ids=[self.interaction_id])
            record_access(
                self.archive, self.action, self.viewer, subjects, int(problem.status), self.metadata
            )
            raise

    def _send(self, playable: Playable, format_: Format, conditions: RequestConditions) -> Response[Any]:
        """Answer as `send_part` does. The row in the ledger is written before the first byte leaves."""

        def remember(status: int) -> None:
            if self._is_head:
                return
            row = Entry(self.interaction_id, metadata=self.metadata, response_code=status)
            self.installation.plays.remember(self.archive, self.action, row)

        return send_part(
            self.archive,
            playable,
            format_,
            self.installation,
            conditions=conditions,
            before=remember,
            makes=not self._is_head,
        )
