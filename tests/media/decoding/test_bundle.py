"""Each kind of recording is ingested and measured, and sounds in every format as FFmpeg decodes it.

All are sent as `call.wav`, since a wrong extension must not matter.
"""

import shutil
import subprocess
from array import array
from pathlib import Path
from typing import Any

import pytest

from tests.firm import Firm
from tests.media.bundle import BUNDLE, Kind
from tests.media.hearing import Heard, hear, reading_as, rendered
from tests.media.samples import LEFT_HZ, RIGHT_HZ

PLAY = "/client/recording.playBackByThirdPartyId"
PITCHES = (LEFT_HZ, RIGHT_HZ)

on_sqlite = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="the ffmpeg program is not here")


def played(firm: Firm, format_: str) -> bytes:
    response = firm.call("POST", PLAY, {"thirdPartyId": "call-1", "format": format_, "streamThrough": True})
    assert response.status_code == 200, response.text
    return response.content


def hinted(kind: Kind) -> dict[str, Any]:
    if kind.hint is None:
        return {}
    return {"codec": kind.hint.codec, "sampleRate": kind.hint.sample_rate, "channels": kind.hint.channels}


@on_sqlite
@pytest.mark.parametrize("name", BUNDLE)
def test_it_is_measured_and_heard_in_every_format(firm: Firm, name: str) -> None:
    kind = BUNDLE[name]
    content = kind.make()
    original = hear(content, kind.hint)
    recording_id = firm.ingest(content, durationInSeconds=None, **hinted(kind))
    firm.work()
    _assert_measured(firm, recording_id, original)
    assert played(firm, "raw") == content
    made = {format_: hear(played(firm, format_)) for format_ in ("mp3", "wav", "mp4")}
    made |= {
        format_: hear(rendered(content, format_, hint=kind.hint)) for format_ in ("mp3-mono", "wav-mono")
    }
    for format_, heard in made.items():
        _assert_sounds_like(heard, original, is_mono=format_.endswith("-mono"))
    if kind.is_exact:
        assert made["wav"].sides == original.sides
    assert made["mp4"].video == ("h264" if kind.video else None)
    assert made["mp4"].pictures == (20 if kind.video else 0)


def _assert_measured(firm: Firm, recording_id: int, original: Heard) -> None:
    [detail] = firm.post("/client/recording.detail.get", {"interactionIds": [recording_id]})
    assert set(detail["metadata"]["sourceFileDetail"]) == {"raw", "mp3", "wav"}
    peaks = detail["waveForm"]["peaks"]
    assert len(peaks) == pytest.approx(original.seconds * 8, abs=1)
    assert min(peaks[1:-1]) > 0.4
    assert max(peaks[1:-1]) < 0.65


def _assert_sounds_like(heard: Heard, original: Heard, *, is_mono: bool) -> None:
    sides = min(len(original.sides), 2)
    assert heard.seconds == pytest.approx(original.seconds, abs=0.3)
    assert len(heard.sides) == (1 if is_mono else sides)
    for side, pitch in enumerate(PITCHES[:sides]):
        loudness = original.loudness(side, pitch) / (sides if is_mono else 1)
        assert heard.loudness(0 if is_mono else side, pitch) == pytest.approx(loudness, rel=0.15)
        if not is_mono and sides == 2:
            assert heard.loudness(1 - side, pitch) < 0.01


@needs_ffmpeg
@pytest.mark.parametrize("name", [name for name, kind in BUNDLE.items() if kind.is_exact])
def test_the_program_ffmpeg_decodes_the_same_samples(name: str, tmp_path: Path) -> None:
    kind, file = BUNDLE[name], tmp_path / "call"
    file.write_bytes(kind.make())
    format_, options = reading_as(kind.hint)
    given = [word for option, value in options.items() for word in (f"-{option}", value)]
    read_as = ["-f", format_, *given] if format_ else []
    command = ["ffmpeg", "-v", "error", *read_as, "-i", str(file), "-f", "s16le", "-"]
    samples = array("h", subprocess.run(command, capture_output=True, check=True).stdout)
    sides = hear(file.read_bytes(), kind.hint).sides
    assert [samples[side :: len(sides)] for side in range(len(sides))] == sides
