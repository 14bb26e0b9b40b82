"""The mp3 of a call, compared with the `ffmpeg` program with the same settings; and a call of ten hours."""

import math
import random
import resource
import shutil
import statistics
import subprocess
import time
from array import array
from pathlib import Path
from typing import Any

from earwitness.media.decoder.decoder import process
from earwitness.media.decoding.containers.wav_header import wav_header
from earwitness.media.flow import Bytes
from earwitness.media.measurement import DecoderLimits
from earwitness.media.stores.disk import DiskObject

_RATE = 8000
_LIMITS = DecoderLimits(seconds=3600, memory_mib=1024)
_AS_WE_DO = ["-b:a", "64k", "-compression_level", "7"]


class _Counter:
    """Takes an mp3, and keeps only its size."""

    size = 0

    def write(self, data: Bytes, /) -> None:
        self.size += len(data)


def write_call(file: Path, seconds: int) -> None:
    """Write a stereo call of two people who take turns: synthetic voices over a little noise."""
    pick, voices = random.Random(1), []
    for pitch in (110, 190):
        voice = array("h")
        for position in range(_RATE * 10):
            at = position / _RATE
            syllable = max(math.sin(2 * math.pi * 3.1 * at + pitch), 0) ** 0.5
            buzz = sum(math.sin(2 * math.pi * pitch * n * at) / n for n in (1, 2, 3, 5, 8, 13))
            voice.append(int(6000 * syllable * (buzz + pick.uniform(-0.4, 0.4)) + pick.uniform(-30, 30)))
        voices.append(voice)
    quiet = array("h", [int(pick.uniform(-30, 30)) for _ in range(_RATE * 10)])
    turns = []
    for left, right in ((voices[0], quiet), (quiet, voices[1])):
        turn = array("h", bytes(4 * len(left)))
        turn[0::2], turn[1::2] = left, right
        turns.append(turn.tobytes())
    with file.open("wb") as output:
        output.write(wav_header(_RATE * seconds, _RATE, 2))
        for number in range(seconds // 10):
            output.write(turns[number % 2])


def mp3(file: Path, seconds: int, rounds: int) -> dict[str, Any]:
    """How many times faster than real time an mp3 is made, by processor time, in turns with `ffmpeg`."""
    ours, theirs, usual = [], [], []
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        print("\n*** The program ffmpeg is not installed: the mp3 is compared with nothing. ***\n")
    for _ in range(rounds):
        ours.append(seconds / _processor_seconds(lambda: _ours(file)))
        if ffmpeg is not None:
            theirs.append(seconds / _processor_seconds(lambda: _theirs(ffmpeg, file, _AS_WE_DO)))
            usual.append(seconds / _processor_seconds(lambda: _theirs(ffmpeg, file, [])))
    found: dict[str, Any] = {"seconds": seconds, "times_real_time": round(statistics.median(ours))}
    if ffmpeg is not None:
        found["ffmpeg_same_settings"] = round(statistics.median(theirs))
        found["ffmpeg_usual_settings"] = round(statistics.median(usual))
        ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
        found["of_ffmpeg"] = round(statistics.median(ratios), 2)
    return found


def ten_hours(folder: Path) -> dict[str, Any]:
    """Measure a call of ten hours, and write its mp3 in the same pass."""
    file = folder / "ten-hours.wav"
    write_call(file, 36_000)
    began = time.perf_counter()
    with DiskObject(file) as source:
        found = process(source, _LIMITS, _Counter())
    if found.duration_ms != 36_000_000 or not found.complete:
        raise RuntimeError("the call was measured wrong")
    file.unlink()
    return {"seconds": round(time.perf_counter() - began, 1)}


def _ours(file: Path) -> None:
    sink = _Counter()
    with DiskObject(file) as source:
        process(source, _LIMITS, sink)
    if not sink.size:
        raise RuntimeError("there is no mp3")


def _theirs(ffmpeg: str, file: Path, settings: list[str]) -> None:
    quiet = [
        ffmpeg,
        "-v",
        "error",
        "-threads",
        "1",
        "-i",
        str(file),
        *settings,
        "-f",
        "mp3",
        "-y",
        "/dev/null",
    ]
    subprocess.run(quiet, check=True)


def _processor_seconds(work: Any) -> float:
    """The processor time of this process and of its children that have ended."""
    began = _used()
    work()
    return _used() - began


def _used() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)
