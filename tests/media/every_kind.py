"""A recording of every kind that PyAV can write: each encoder, each container, each kind of subtitles."""

import io
from collections.abc import Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import product
from typing import Literal

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec import Codec
from av.codec.codec import UnknownCodecError
from av.container import OutputContainer
from av.stream import Stream
from av.subtitles.stream import SubtitleStream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from tests.media import samples

# These need a device.
HARDWARE = ("_cuvid", "_nvenc", "_qsv", "_amf", "_v4l2m2m", "_vaapi", "_vulkan")
_EXPERIMENTAL = {"strict": "-2"}

# MPEG and MPEG-TS accept any codec, but do not say which one it is.
_SOUND_IN = [
    *("matroska", "mov", "avi", "wav", "asf", "flv", "ogg", "caf", "aiff", "au", "voc", "amr", "gsm", "latm"),
    *("tta", "wv", "w64", "mp3", "flac", "adts", "ac3", "eac3", "ipod", "3gp", "3g2", "webm"),
]
_PICTURE_IN = ["matroska", "mov", "avi", "asf", "flv", "ogg", "ivf", "mp4", "3gp", "webm"]
# A file that is not longer than this has only a header.
_EMPTY = 200
_RATES = (48000, 8000, 16000, 44100)
_SIZES = ((64, 48), (176, 144), (352, 288), (720, 576))

_ASS = (
    b"[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname\nStyle: Default,Arial\n\n"
    b"[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
)
# The content of a packet of each kind. Pictures of letters are empty.
_SHOWN = {
    "mov_text": b"\0\5hello",
    "srt": b"hello",
    "ass": b"0,0,Default,,0,0,0,,hello",
    "webvtt": b"hello",
    "ttml": b"<tt/>",
    "dvb_subtitle": bytes.fromhex("20000f10000100020a00ff"),
    "dvb_teletext": b"\x10" + bytes(45),
    "hdmv_pgs_subtitle": b"\x80\0\0",
    "dvd_subtitle": bytes.fromhex("0008000400000004"),
    "eia_608": bytes(2),
}
_MEETINGS = {
    "mp4": ("libx264", "aac"),
    "mov": ("libx264", "aac"),
    "matroska": ("libx264", "aac"),
    "webm": ("libvpx", "libopus"),
    "mpegts": ("libx264", "aac"),
    "vob": ("mpeg2video", "mp2"),
}

SUBTITLES = [
    ("mp4", "mov_text"),
    ("mp4", "dvd_subtitle"),
    ("mp4", "ttml"),
    ("mov", "eia_608"),
    ("matroska", "srt"),
    ("matroska", "ass"),
    ("matroska", "webvtt"),
    ("matroska", "dvb_subtitle"),
    ("matroska", "hdmv_pgs_subtitle"),
    ("matroska", "dvd_subtitle"),
    ("webm", "webvtt"),
    ("mpegts", "dvb_subtitle"),
    ("mpegts", "dvb_teletext"),
    ("vob", "dvd_subtitle"),
]


def subtitled(container: str, subtitles: str) -> bytes:
    """A meeting of two seconds with subtitles; with an attached file and data, if the container allows."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        picture, sound = _MEETINGS[container]
        shown = _add_subtitles(output, subtitles)
        if container == "matroska":
            output.add_attachment("font.ttf", "font/ttf", b"no font")
        if container == "mpegts":
            output.add_data_stream("klv")
        video, audio = _streams_for(output, picture, sound)
        _encode(output, video, samples.pictures(20))
        _encode(output, audio, samples.frames(48000, 2.0, 2))
        for second in range(2):
            packet = av.Packet(_SHOWN[subtitles])
            packet.stream, packet.time_base = shown, Fraction(1, 1000)
            packet.pts = packet.dts = second * 1000
            packet.duration, packet.is_keyframe = 500, True
            output.mux(packet)
    return file.getvalue()


def every_kind() -> dict[str, bytes]:
    """A moment of sound or picture by each encoder, some in each container, and all kinds of subtitles."""
    made = {f"{shown} in {container}": subtitled(container, shown) for container, shown in SUBTITLES}
    for containers, encoders, write in (
        ([*_SOUND_IN], _encoders("audio"), _sound),
        ([*_PICTURE_IN], _encoders("video"), _picture),
    ):
        for encoder in encoders:
            for container in containers:
                if content := write(container, encoder):
                    made[f"{encoder.name} in {container}"] = content
                    # This gives each container its turn.
                    containers.append(containers.pop(containers.index(container)))
                    break
    return made


def _encoders(kind: Literal["audio", "video"]) -> Iterator[Codec]:
    for name in sorted(av.codecs_available):
        try:
            encoder = Codec(name, "w")
        except UnknownCodecError:
            continue
        if encoder.type == kind and not name.endswith(HARDWARE):
            yield encoder


def _sound(container: str, encoder: Codec) -> bytes:
    for rate, channels in product(_RATES, (2, 1)):
        file = io.BytesIO()
        with suppress(av.FFmpegError, ValueError), av.open(file, "w", format=container) as output:
            stream = output.add_stream(encoder.name, rate, _EXPERIMENTAL)
            assert isinstance(stream, AudioStream)
            stream.layout = "stereo" if channels == 2 else "mono"
            _encode(output, stream, samples.frames(rate, 0.5, channels))
        if len(file.getvalue()) > _EMPTY:
            return file.getvalue()
    return b""


def _picture(container: str, encoder: Codec) -> bytes:
    formats = [format_.name for format_ in encoder.video_formats or ()]
    format_ = "yuv420p" if "yuv420p" in formats or not formats else formats[0]
    for width, height in _SIZES:
        file = io.BytesIO()
        with suppress(av.FFmpegError, ValueError), av.open(file, "w", format=container) as output:
            stream = output.add_stream(
                encoder.name, 25, _EXPERIMENTAL, width=width, height=height, pix_fmt=format_
            )
            _encode(output, stream, _reformatted(width, height, format_))
        if len(file.getvalue()) > _EMPTY:
            return file.getvalue()
    return b""


def _reformatted(width: int, height: int, format_: str) -> Iterator[VideoFrame]:
    for number, picture in enumerate(samples.pictures(4)):
        frame = picture.reformat(width, height, format_)
        frame.pts, frame.time_base = number, Fraction(1, 25)
        yield frame


def _streams_for(output: OutputContainer, picture: str, sound: str) -> tuple[VideoStream, AudioStream]:
    video = output.add_stream(picture, 10 if picture != "mpeg2video" else 25, width=64, height=48)
    audio = output.add_stream(sound, 48000)
    assert isinstance(video, VideoStream)
    assert isinstance(audio, AudioStream)
    audio.layout = "stereo"
    return video, audio


def _add_subtitles(output: OutputContainer, codec: str) -> Stream:
    if codec not in ("mov_text", "srt", "ass", "webvtt"):
        return output.add_mux_stream(codec, time_base=Fraction(1, 1000))
    stream = output.add_stream(codec)
    assert isinstance(stream, SubtitleStream)
    stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
    stream.codec_context.subtitle_header = _ASS
    return stream


def _encode(
    output: OutputContainer, stream: Stream, frames: Iterable[VideoFrame] | Iterable[AudioFrame]
) -> None:
    assert isinstance(stream, VideoStream | AudioStream)
    for frame in frames:
        output.mux(stream.encode(frame))  # type: ignore[arg-type]
    output.mux(stream.encode(None))
