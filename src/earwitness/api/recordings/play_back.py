"""Download audio: POST /client/recording.playBackByThirdPartyId."""

from typing import Any, Literal

from sqlalchemy import select

from earwitness.api.recordings.named import by_third_party_id
from earwitness.api.recordings.rendition import send
from earwitness.archive.playable import find_playable
from earwitness.archive.schema.people import account
from earwitness.http import road
from earwitness.http.road import Afterwards, Audit, Call
from earwitness.kernel.errors import BadRequest, Fault, NotFound, Unprocessable
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import Wire

Format = Literal["mp3", "mp3-mono", "wav", "wav-mono", "raw", "mp4"]


class PlayBack(Wire):
    """What to play, and as what."""

    third_party_id: str
    format: Format | None = None
    stream_through: bool | None = None
    comment: str | None = None


def _played(sent: Any) -> dict[str, object]:
    asked = sent if isinstance(sent, dict) else {}
    played: dict[str, object] = {"format": asked.get("format") or "mp3"}
    if isinstance(asked.get("comment"), str):
        played = {"comment": asked["comment"], **played}
    return played


@road.read(
    "/client/recording.playBackByThirdPartyId",
    right=Right.RECORDING_PLAY,
    audit=Audit("Play recording", by_third_party_id, _played),
    slow=True,
    refuses=(NotFound, Unprocessable),
)
def play_back_by_third_party_id(call: Call, wanted: PlayBack) -> Afterwards:
    """Download the audio, or video, of a recording."""
    playable = find_playable(call.connection, call.archive, call.viewer, wanted.third_party_id)
    if playable is None:
        raise NotFound(f"There is no recording {wanted.third_party_id}.")
    forced = call.connection.scalar(select(account.c.forced_comments))
    if forced and not (wanted.comment or "").strip():
        raise BadRequest.of(
            Fault("comment", "this account asks for a comment with every play"), code="comment-required"
        )
    if playable.raw is None:
        raise NotFound("This recording has no media.", code="no-media")
    format_, streams = wanted.format or "mp3", bool(wanted.stream_through)
    limits = call.installation.limits
    return Afterwards(lambda: send(call.archive.vault, playable, format_, limits, streams=streams))
