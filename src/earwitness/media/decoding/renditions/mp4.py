"""The mp4 rendition: fragmented, so that it can be written to a pipe and played from its start."""

from fractions import Fraction
from typing import Protocol

import av
from av.audio.frame import AudioFrame
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import PictureType
from av.video.stream import VideoStream

from earwitness.media.decoding.containers.media_file import MediaFile
from earwitness.media.decoding.containers.not_media import NotMedia
from earwitness.media.decoding.layouts import MOST_CHANNELS
from earwitness.media.decoding.renditions.original import Original
from earwitness.media.decoding.renditions.rates import bits_per_channel, nearest_rate
from earwitness.media.decoding.sound.mix import Mixed
from earwitness.media.decoding.sound.tracks import Sound
from earwitness.media.flow import Sink

# `delay_moov` writes the index after the first fragment, so that it can say when sound and picture begin.
_FRAGMENTED = {
    "movflags": "frag_keyframe+empty_moov+delay_moov+default_base_moof",
    "frag_duration": "1000000",
}
# No B-frames: they are stored out of order, and not all players of fragmented mp4 support that.
_X264 = {"preset": "superfast", "crf": "26", "bf": "0", "threads": "4"}
# The channels are encoded separately, as in mp3. The fast encoder takes a fifth of the time, and makes a
# quarter more bytes.
_AAC = {"aac_coder": "fast", "aac_ms": "0", "aac_is": "0", "aac_pns": "0", "aac_tns": "0"}
_USUAL_FRAME_RATE = 25
_CLOCK = Fraction(1, 90000)


class Track(Protocol):
    """One stream of the recording that is written into the mp4."""

    @property
    def is_empty(self) -> bool: ...

    def take(self, packet: "Packet[Stream]") -> None: ...

    def finish(self) -> None: ...


def write_mp4(original: Original, most_channels: int | None, sink: Sink) -> None:
    """Write the mp4 rendition: sound and picture.

    H.264 is copied, and so is AAC if it is the only track of sound. Raises NotMedia if there is neither sound
    nor picture.
    """
    media = original.open()
    most = most_channels or MOST_CHANNELS
    output = av.open(sink, "w", format="mp4", container_options=_FRAGMENTED)
    tracks: dict[int, Track] = {}
    if (video := media.video) is not None:
        copied = _can_copy(video, "h264")
        tracks[video.index] = _Copy(media, output, video) if copied else _Picture(media, output, video)
    sound: _Sound | None = None
    if (audio := media.audio) is not None:
        if len(media.sounds) == 1 and audio.channels <= most and _can_copy(audio, "aac"):
            tracks[audio.index] = _Copy(media, output, audio)
        else:
            sound = _sound_of(media, output, most)
    if tracks:
        _write_tracks(media, tracks, sound)
    if sound is None and all(track.is_empty for track in tracks.values()):
        raise NotMedia
    for track in tracks.values():
        track.finish()
    if sound is not None:
        sound.finish()
    output.close()


def _write_tracks(media: MediaFile, tracks: dict[int, Track], sound: "_Sound | None") -> None:
    streams = [stream for stream in (media.video, media.audio) if stream and stream.index in tracks]
    for packet in media.packets(*streams):
        tracks[packet.stream.index].take(packet)
        if sound is not None:
            sound.catch_up(media.picture_end)


def _sound_of(media: MediaFile, output: OutputContainer, most_channels: int) -> "_Sound | None":
    """The sound; None if there is a picture and none of the sound can be decoded."""
    try:
        return _Sound(media, output, most_channels)
    except NotMedia:
        if media.video is None:
            raise
        return None


def _can_copy(stream: Stream, codec: str) -> bool:
    # Without extradata, the set-up data of the codec is in its first packets, which mp4 does not allow.
    context = stream.codec_context
    return context.codec.canonical_name == codec and bool(context.extradata)


class _Copy:
    """Copies packets unchanged, on a clock that begins with the media."""

    def __init__(self, media: MediaFile, output: OutputContainer, stream: Stream) -> None:
        self._output = output
        self._stream = output.add_stream_from_template(stream)
        self._offset = int(media.start / stream.time_base) if stream.time_base else 0
        self._waiting: list[Packet[Stream]] = []
        self._last: int | None = None

    @property
    def is_empty(self) -> bool:
        return self._last is None and not self._waiting

    def take(self, packet: "Packet[Stream]") -> None:
        if packet.size == 0:
            return
        if packet.dts is None and self._last is None:
            # Where pictures are stored out of order, the first ones may have no decoding time.
            self._waiting.append(packet)
            return
        self._release(packet.dts)
        self._write(packet)

    def finish(self) -> None:
        self._release(None)

    def _release(self, until: int | None) -> None:
        """Write the packets that waited, with decoding times that end at `until`."""
        waiting, self._waiting = self._waiting, []
        length = sum(packet.duration or 1 for packet in waiting)
        next_dts = -length if until is None else until - length
        for packet in waiting:
            packet.dts = next_dts
            next_dts += packet.duration or 1
            self._write(packet)

    def _write(self, packet: "Packet[Stream]") -> None:
        if packet.dts is None:
            packet.dts = packet.pts
        # Pictures before the first key frame cannot be shown, and decoding times must rise.
        if packet.dts is None or (
            packet.dts <= self._last if self._last is not None else not packet.is_keyframe
        ):
            return
        self._last = packet.dts
        packet.pts = packet.dts if packet.pts is None else max(packet.pts, packet.dts)
        packet.dts -= self._offset
        packet.pts -= self._offset
        packet.stream = self._stream
        self._output.mux(packet)


class _Picture:
    """Encodes pictures as H.264, all of the size of the stream."""

    def __init__(self, media: MediaFile, output: OutputContainer, stream: VideoStream) -> None:
        self._media = media
        self._output = output
        self._width, self._height = max(stream.width & ~1, 2), max(stream.height & ~1, 2)
        rate = stream.average_rate or _USUAL_FRAME_RATE
        self._stream = output.add_stream(
            "libx264", rate, _X264, width=self._width, height=self._height, time_base=_CLOCK
        )
        self._last = -1

    @property
    def is_empty(self) -> bool:
        return self._last < 0

    def take(self, packet: "Packet[Stream]") -> None:
        for frame in self._media.decode_video(packet):
            if frame.pts is None or frame.time_base is None:
                continue
            ticks = int((frame.pts * frame.time_base - self._media.start) / _CLOCK)
            if ticks <= self._last:
                continue
            self._last = ticks
            picture = frame.reformat(self._width, self._height, "yuv420p")
            picture.pts, picture.time_base = ticks, _CLOCK
            picture.pict_type = PictureType.NONE
            self._output.mux(self._stream.encode(picture))

    def finish(self) -> None:
        self._output.mux(self._stream.encode(None))


class _Sound:
    """Encodes the sound as AAC. It opens the file once more, and is written beside the picture."""

    def __init__(self, media: MediaFile, output: OutputContainer, most_channels: int) -> None:
        """Raises NotMedia if none of the sound can be decoded."""
        mixed = Mixed(Sound(media.again()), most_channels)
        self._output = output
        self._rate = mixed.rate
        self._blocks = iter(mixed)
        valid = nearest_rate(mixed.rate)
        self._stream = output.add_stream("aac", valid, _AAC)
        self._stream.layout = mixed.layout
        self._stream.bit_rate = bits_per_channel(valid) * mixed.channels
        self._written = 0

    def catch_up(self, seconds: Fraction) -> None:
        """Write the sound up to a moment of the picture."""
        while self._written < seconds * self._rate and (block := next(self._blocks, None)):
            self._encode(block)

    def finish(self) -> None:
        for block in self._blocks:
            self._encode(block)
        self._output.mux(self._stream.encode(None))

    def _encode(self, block: AudioFrame) -> None:
        block.pts, block.time_base = self._written, Fraction(1, self._rate)
        self._written += block.samples
        self._output.mux(self._stream.encode(block))
