"""The confined decoder can decode everything that PyAV can, since it has loaded all of it before."""

import io
import pickle
import subprocess
import sys
from pathlib import Path

import av
import pytest

from tests.firm import Firm
from tests.media.every_kind import SUBTITLES, every_kind, subtitled
from tests.media.hearing import hear
from tests.media.samples import LEFT_HZ, LOUDNESS, RIGHT_HZ

PLAY = "/client/recording.playBackByThirdPartyId"
on_sqlite = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)


def walk(recordings: dict[str, bytes], *given: str) -> tuple[dict[str, str], list[str]]:
    """The result of each attempt, and what was loaded or opened meanwhile."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.media.confined_walk", *given],
        input=pickle.dumps(recordings),
        capture_output=True,
        cwd=Path(__file__).parents[3],
        check=True,
    )
    told = ran.stderr.decode().splitlines()
    loaded = [line.removeprefix("loaded ") for line in told if line.startswith("loaded ")]
    return dict(line.split(": ", 1) for line in ran.stdout.decode().splitlines()), loaded


def test_every_format_is_decoded_in_confinement_as_outside() -> None:
    recordings = every_kind()
    free, loaded_late = walk(recordings)
    confined, loaded = walk(recordings, "confined")
    assert loaded == []
    assert "av.subtitles.codeccontext" in loaded_late
    assert {name: came for name, came in confined.items() if came != free[name]} == {}
    assert confined.keys() == free.keys()
    assert sum(name.startswith("decoder ") for name in free) > 500
    undecoded = [name for name in recordings if not free[name].startswith("Measurement")]
    # Formats that FFmpeg writes but does not recognise.
    assert len(undecoded) < len(recordings) * 0.1


@on_sqlite
@pytest.mark.parametrize(("container", "subtitles"), SUBTITLES)
def test_a_recording_with_subtitles_is_heard_in_every_format(
    firm: Firm, container: str, subtitles: str
) -> None:
    content = subtitled(container, subtitles)
    with av.open(io.BytesIO(content)) as media:
        assert {"video", "audio"} < {stream.type for stream in media.streams}
    recording_id = firm.ingest(content, durationInSeconds=None)
    firm.work()
    [detail] = firm.post("/client/recording.detail.get", {"interactionIds": [recording_id]})
    assert set(detail["metadata"]["sourceFileDetail"]) == {"raw", "mp3", "wav"}
    for format_ in ("mp3", "mp3-mono", "wav", "wav-mono", "mp4"):
        heard = hear(played(firm, format_))
        assert heard.seconds == pytest.approx(2, abs=0.3)
        mixed = 2 if format_.endswith("-mono") else 1
        assert heard.loudness(0, LEFT_HZ) == pytest.approx(LOUDNESS / mixed, rel=0.15)
        assert heard.loudness(-1, RIGHT_HZ) == pytest.approx(LOUDNESS / mixed, rel=0.15)
        assert heard.pictures == (20 if format_ == "mp4" else 0)
    assert played(firm, "raw") == content


def played(firm: Firm, format_: str) -> bytes:
    response = firm.call("POST", PLAY, {"thirdPartyId": "call-1", "format": format_})
    assert response.status_code == 200, response.text
    return response.content
