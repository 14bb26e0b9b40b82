"""Media files, and what is in each channel of all their tracks.

There is one row for each file: `CORPUS["what is special about it"] = File(how it is made, what is in it)`.
Each channel has a different pitch, `pitch_of(channel)`, so that they can be told apart.
"""

import io
import math
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, partial

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from tests.media.samples import LOUDNESS, pictures
from tests.media.wavs import caf, interleaved, write_wav

SECONDS = 1.6


@dataclass(frozen=True)
class Track:
    """One track of the original. Unless it is silent, it has sound from `begins` on, for `seconds`."""

    channels: int = 1
    rate: int = 8000
    begins: float = 0
    seconds: float = SECONDS
    is_silent: bool = False
    codec: str = "pcm_s16le"
    layout: str | None = None
    """The speaker layout in the file; None for the number of channels alone."""


@dataclass(frozen=True)
class File:
    """How a file is made, and its tracks.

    `is_exact`: every sample is decoded unchanged. `not_decoded` is a part of the expected text.
    """

    make: Callable[[], bytes]
    tracks: tuple[Track, ...]
    is_exact: bool = True
    not_decoded: str = ""

    @property
    def channels(self) -> list[Track]:
        """The track of each channel, over all tracks in order."""
        return [track for track in self.tracks for _ in range(track.channels)]

    @property
    def rate(self) -> int:
        return max(track.rate for track in self.tracks)

    @property
    def seconds(self) -> float:
        return max(track.begins + track.seconds for track in self.tracks)

    def went_in(self, channel: int) -> "array[int]":
        """The samples of a channel of the original, at the rate of its track, over the whole recording."""
        track = self.channels[channel]
        silence = array("h", bytes(2 * round(track.begins * track.rate)))
        samples = silence + _samples(track, channel)
        return samples + array("h", bytes(2 * (round(self.seconds * track.rate) - len(samples))))


def pitch_of(channel: int) -> int:
    """In Hz. A tenth of a second is enough to tell any two apart."""
    return 200 + 70 * channel


@cache
def _tone(pitch: int, rate: int, count: int) -> "array[int]":
    turn = 2 * math.pi * pitch / rate
    return array("h", (int(32767 * LOUDNESS * math.sin(turn * position)) for position in range(count)))


def _samples(track: Track, channel: int) -> "array[int]":
    count = round(track.seconds * track.rate)
    return array("h", bytes(2 * count)) if track.is_silent else _tone(pitch_of(channel), track.rate, count)


def _of(track: Track, first: int = 0) -> list["array[int]"]:
    return [_samples(track, first + channel) for channel in range(track.channels)]


def _wav(track: Track, speakers: int | None = None) -> bytes:
    return write_wav(_of(track), track.rate, speakers)


def _caf(track: Track, speakers: list[int]) -> bytes:
    return caf(_of(track), track.rate, speakers)


def _muxed(container: str, tracks: tuple[Track, ...], *, picture: bool = False) -> bytes:
    """Tracks side by side, in turns of 20 ms."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        if picture:
            shown = output.add_stream("libx264", 10, width=64, height=48, pix_fmt="yuv420p")
            assert isinstance(shown, VideoStream)
        streams = [_add_track(output, track) for track in tracks]
        if picture:
            for image in pictures(int(SECONDS * 10)):
                output.mux(shown.encode(image))
            output.mux(shown.encode(None))
        first = 0
        frames: list[tuple[float, AudioStream, AudioFrame]] = []
        for track, stream in zip(tracks, streams, strict=True):
            frames += [(moment, stream, frame) for moment, frame in _frames(track, first)]
            first += track.channels
        for _, stream, frame in sorted(frames, key=lambda one: one[0]):
            output.mux(stream.encode(frame))
        for stream in streams:
            output.mux(stream.encode(None))
    return file.getvalue()


def _layout(track: Track) -> str:
    return track.layout or {1: "mono", 2: "stereo"}.get(track.channels, f"{track.channels} channels")


def _add_track(output: av.container.OutputContainer, track: Track) -> AudioStream:
    stream = output.add_stream(track.codec, track.rate)
    assert isinstance(stream, AudioStream)
    stream.layout = _layout(track)
    return stream


def _frames(track: Track, first: int) -> list[tuple[float, AudioFrame]]:
    pcm, made = interleaved(_of(track, first)), []
    size = 2 * track.channels * (track.rate // 50)
    for place in range(0, len(pcm), size):
        part = pcm[place : place + size]
        frame = AudioFrame("s16", _layout(track), len(part) // (2 * track.channels))
        frame.planes[0].update(part)
        moment = track.begins + place / size / 50
        frame.sample_rate, frame.time_base = track.rate, Fraction(1, track.rate)
        frame.pts = round(moment * track.rate)
        made.append((moment, frame))
    return made


def _file(container: str, *tracks: Track, picture: bool = False, is_exact: bool = True) -> File:
    return File(partial(_muxed, container, tracks, picture=picture), tracks, is_exact)


def _plain(channels: int, **kinds: int) -> File:
    track = Track(channels)
    return File(partial(_wav, track, **kinds), (track,))


MONO, STEREO = Track(), Track(2)
LATER, SHORT = Track(begins=0.4), Track(seconds=0.7)
SILENT = Track(2, is_silent=True)
AAC, OPUS = Track(2, 48000, codec="aac"), Track(2, 48000, codec="libopus")

CORPUS: dict[str, File] = {f"wav of {channels}": _plain(channels) for channels in range(1, 25)}
CORPUS |= {
    "wav of a subwoofer": _plain(1, speakers=0x8),
    "wav of a centre and a subwoofer": _plain(2, speakers=0xC),
    "wav of 3 in front": _plain(3, speakers=0x7),
    "wav of 4 in the corners": _plain(4, speakers=0x33),
    "wav of 6 speakers": _plain(6, speakers=0x3F),
    "wav of 8 speakers": _plain(8, speakers=0x63F),
    "wav of 64": _plain(64, speakers=0),
    "caf, right before left": File(partial(_caf, STEREO, [2, 1]), (STEREO,)),
    "caf, left three times": File(partial(_caf, Track(3), [1, 1, 1]), (Track(3),)),
    "flac of 3 in front": _file("flac", Track(3, codec="flac", layout="3.0")),
    "flac of 6 speakers": _file("flac", Track(6, codec="flac", layout="5.1")),
    "flac of 8 speakers": _file("flac", Track(8, codec="flac", layout="7.1")),
    "aac of 4": _file("mp4", Track(4, 48000, codec="aac", layout="4.0"), is_exact=False),
    "mkv of 6 speakers": _file("matroska", Track(6, layout="5.1")),
    "mkv of 9": _file("matroska", Track(9)),
    "two tracks of one": _file("matroska", MONO, MONO),
    "two tracks, two and one": _file("matroska", STEREO, MONO),
    "three tracks": _file("matroska", MONO, STEREO, Track(3)),
    "two tracks, the first silent": _file("matroska", SILENT, STEREO),
    "two tracks, the second silent": _file("matroska", STEREO, SILENT),
    "three tracks, two silent": _file("matroska", SILENT, MONO, SILENT),
    "two tracks, the second later": _file("matroska", MONO, LATER),
    "two tracks, the first later": _file("matroska", LATER, MONO),
    "two tracks, the second shorter": _file("matroska", STEREO, SHORT),
    "two tracks, the first shorter": _file("matroska", SHORT, STEREO),
    "two tracks of two rates": _file("matroska", MONO, Track(2, 16000), is_exact=False),
    "two tracks of two codecs": _file("matroska", MONO, Track(2, codec="flac")),
    "two tracks in mov": _file("mov", STEREO, STEREO),
    "three tracks in mov": _file("mov", MONO, SILENT, MONO),
    "two tracks in mp4": _file("mp4", AAC, AAC, is_exact=False),
    "three tracks in mp4": _file("mp4", AAC, AAC, AAC, is_exact=False),
    "two tracks in webm": _file("webm", OPUS, OPUS, is_exact=False),
    "two tracks in mpeg-ts": _file("mpegts", AAC, AAC, is_exact=False),
    "two tracks in avi": _file("avi", STEREO, STEREO),
    "two tracks and a picture in mp4": _file("mp4", AAC, AAC, picture=True, is_exact=False),
    "two tracks and a picture in mkv": _file("matroska", STEREO, MONO, picture=True),
    "24 tracks": _file("matroska", *[MONO] * 24),
    # It is written in blocks of 4,096 samples.
    "adpcm-swf": _file("wav", Track(2, 11025, seconds=4 * 4096 / 11025, codec="adpcm_swf"), is_exact=False),
}
