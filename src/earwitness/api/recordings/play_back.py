"""Download audio: POST /client/recording.playBackByThirdPartyId."""

from earwitness.archive.media.playable import find_playable
from earwitness.http.operations import Afterwards
from earwitness.http.playback.responses import check_playable, send
from earwitness.kernel.errors import NotFound, Unprocessable
from earwitness.kernel.formats import DEFAULT_FORMAT, Format
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import Wire
from earwitness.operations import operations
from earwitness.operations.audit_subjects import as_played, by_third_party_id
from earwitness.operations.operations import Audit, Call


class PlayBack(Wire):
    """What to play, and as what."""

    third_party_id: str
    format: Format | None = None
    stream_through: bool | None = None
    comment: str | None = None


@operations.read(
    "/client/recording.playBackByThirdPartyId",
    right=Right.RECORDING_PLAY,
    audit=Audit("Play recording", by_third_party_id, as_played),
    slow=True,
    refuses=(NotFound, Unprocessable),
)
def play_back_by_third_party_id(call: Call, body: PlayBack) -> Afterwards:
    """Download the audio, or video, of a recording."""
    playable = find_playable(call.connection, call.viewer, body.third_party_id)
    check_playable(call.connection, playable, body.comment)
    format_, streams = body.format or DEFAULT_FORMAT, bool(body.stream_through)
    return Afterwards(
        lambda installation: send(call.archive, playable, format_, installation, streams=streams)
    )
