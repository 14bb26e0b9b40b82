"""Files without a header are decoded by their extensions, or as an operator or their sidecars state."""

import json
from collections.abc import Mapping
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, get_args

import av
import pytest
from av.audio.stream import AudioStream

from earwitness.ingest.sources.descriptions import FolderRules
from earwitness.ingest.sources.file_names import ASTERISK, Template
from earwitness.ingest.sources.headerless_files import BY_EXTENSION, StatedFormat
from earwitness.ingest.sources.watched_folder import WatchedFolder
from earwitness.media.measurement import HeaderlessCodec, Hint
from tests.firm import Firm, call, tone
from tests.ingest.folders import put, take

NAME = "in-204-07700900111-20260512-103000-1778581800.{number}.{extension}"
ENCODED: Mapping[str, tuple[str, str, int]] = {
    "ulaw": ("mulaw", "pcm_mulaw", 8000),
    "pcm": ("mulaw", "pcm_mulaw", 8000),
    "alaw": ("alaw", "pcm_alaw", 8000),
    "PCMA": ("alaw", "pcm_alaw", 8000),
    "g722": ("g722", "g722", 16_000),
    "sln": ("s16le", "pcm_s16le", 8000),
    "sln16": ("s16le", "pcm_s16le", 16_000),
    "sln48": ("s16le", "pcm_s16le", 48_000),
}


@cache
def encoded(format_: str, codec: str, rate: int, seconds: int = 2) -> bytes:
    """A tone of two seconds without a header."""
    written = BytesIO()
    with av.open(BytesIO(tone(float(seconds), rate)), "r") as sound, av.open(written, "w", format_) as file:
        stream = file.add_stream(codec, rate=rate, layout="mono")
        assert isinstance(stream, AudioStream)
        for frame in sound.decode(audio=0):
            frame.pts = None
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return written.getvalue()


def heard(firm: Firm) -> dict[str, tuple[str, float]]:
    """The codec and the seconds of each recording, by its id; None if it is undecodable."""
    firm.work()
    found = firm.post("/client/recording.search", {"pageSize": 100})["recordings"]
    told = {}
    for one in found:
        [detail] = firm.post("/client/recording.detail.get", {"interactionIds": [one["interactionId"]]})
        hint = detail["metadata"].get("mediaHint", {})
        told[one["thirdPartyId"]] = (hint.get("codec", ""), round(one["durationInSeconds"], 1))
    return told


def test_files_of_asterisk_are_decoded_by_their_extensions(firm: Firm, folder: Path) -> None:
    for number, (extension, how) in enumerate(ENCODED.items()):
        put(folder / NAME.format(number=number, extension=extension), encoded(*how))
    reading = FolderRules(
        Template(ASTERISK), sidecar_required=False, stated_format=StatedFormat(is_asterisk=True)
    )
    assert all(one.accepted for one in take(firm, WatchedFolder(folder, reading)).values())
    assert heard(firm) == {
        f"1778581800.{number}": (codec, 2.0) for number, (_, codec, _) in enumerate(ENCODED.values())
    }


def test_a_header_counts_more_than_an_extension(firm: Firm, folder: Path) -> None:
    put(folder / NAME.format(number=1, extension="sln16"), tone(2.0))
    take(firm, WatchedFolder(folder, FolderRules(Template(ASTERISK), sidecar_required=False)))
    firm.work()
    [found] = firm.post("/client/recording.search", {})["recordings"]
    assert found["durationInSeconds"] == 2


@pytest.mark.parametrize(
    ("told", "name", "expected"),
    [
        (StatedFormat(), "a.sln44", Hint("pcm_s16le", 44_100, 1)),
        (StatedFormat(), "a.WAV", None),
        (StatedFormat(), "a.pcm", None),
        (StatedFormat(is_asterisk=True), "a.pcm", Hint("pcm_mulaw", 8000, 1)),
        (StatedFormat("pcm_alaw"), "a.ulaw", Hint("pcm_alaw")),
        (StatedFormat("pcm_mulaw"), "a.ulaw", Hint("pcm_mulaw", 8000, 1)),
        (StatedFormat("pcm_s16be", 16_000, 2), "a.dat", Hint("pcm_s16be", 16_000, 2)),
        (StatedFormat(None, 16_000), "a.ulaw", Hint("pcm_mulaw", 16_000, 1)),
        (StatedFormat(None, 16_000), "a.dat", None),
        (StatedFormat("pcm_mulaw"), "a.mp3", None),
    ],
)
def test_a_stated_format_takes_precedence_over_the_extension(
    told: StatedFormat, name: str, expected: Hint | None
) -> None:
    assert told.of(name) == expected


def test_a_sidecar_takes_precedence_over_both(firm: Firm, folder: Path) -> None:
    given: dict[str, dict[str, Any]] = {
        "own.ulaw": {"codec": "pcm_s16le", "sampleRate": 16_000},
        "rate.ulaw": {"sampleRate": 16_000},
        "none.ulaw": {},
    }
    for name, fields in given.items():
        put(folder / name, encoded("s16le", "pcm_s16le", 16_000))
        (folder / f"{name}.json").write_text(json.dumps(call(thirdPartyId=name, **fields)))
    take(firm, WatchedFolder(folder, FolderRules(stated_format=StatedFormat("pcm_alaw"))))
    found = firm.post("/client/recording.search", {})["recordings"]
    assert {one["thirdPartyId"] for one in found} == given.keys()
    for one in found:
        said = given[one["thirdPartyId"]]
        [detail] = firm.post("/client/recording.detail.get", {"interactionIds": [one["interactionId"]]})
        hint = detail["metadata"]["mediaHint"]
        assert (hint["codec"], hint["sample_rate"]) == (said.get("codec", "pcm_alaw"), said.get("sampleRate"))


def test_the_same_recording_sent_without_a_name_is_the_same(firm: Firm, folder: Path) -> None:
    put(folder / "call.ulaw", encoded(*ENCODED["ulaw"]), call())
    take(firm, WatchedFolder(folder, FolderRules()))
    assert firm.send(call(), encoded(*ENCODED["ulaw"])).status_code == 200


def test_every_codec_of_the_table_can_be_decoded() -> None:
    assert {hint.codec for hint in BY_EXTENSION.values()} <= set(get_args(HeaderlessCodec))
