"""An open recording: its streams, packets and frames, as far as they can be read."""

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from earwitness.media.decoding.containers.headerless import has_header, how_to_read
from earwitness.media.decoding.containers.joined import Joined
from earwitness.media.decoding.containers.losses import Losses
from earwitness.media.decoding.containers.mp3_duration import stated_seconds
from earwitness.media.decoding.containers.not_media import NotMedia
from earwitness.media.decoding.containers.reading import Reader
from earwitness.media.decoding.containers.structure import Whole, survey
from earwitness.media.decoding.containers.wav_header import holds_pcm
from earwitness.media.decoding.layouts import layout_of
from earwitness.media.flow import File
from earwitness.media.measurement import Hint

# What recorders and meeting services write. Other formats that FFmpeg knows are left out: playlists, for
# example, would make it look for other files.
CONTAINERS = (
    "wav,w64,aiff,au,nistsphere,caf,voc,wsd,mp3,flac,ogg,aac,ac3,eac3,amr,gsm,g722,tta,ape,wv,loas,"
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,asf,avi,flv,mpeg,mpegts,ivf"
)
# Formats that state how long they are. For others FFmpeg guesses it from their size.
_STATES_DURATION = {
    "wav",
    "w64",
    "aiff",
    "nistsphere",
    "flac",
    "ogg",
    "mov,mp4,m4a,3gp,3g2,mj2",
    "matroska,webm",
    "asf",
}

_READING = {"protocol_whitelist": "none"}
# A wav of PCM is read in larger packets than FFmpeg's usual ones: handling a packet costs as much as decoding
# it. Packets of other codecs are not changed, since their content belongs together.
#
# What says that it is PCM may be compressed, such as AC-3. FFmpeg looks for that in the first packets, anew
# each time that what it has read doubled. In all packets, as it would, this takes as long as encoding an mp3
# of the call. So it looks into the first 32 KiB, once: it needs seven frames, and the longest of AC-3 have
# 2,560 bytes.
_LARGE_PACKETS = {"max_size": "32768", "max_probe_packets": "1"}


class MediaFile:
    """An open recording. If several recordings are joined in one file, it has the sound of all.

    `losses` collects what cannot be read or decoded.
    """

    sounds: list[AudioStream]
    """Its tracks of sound. `audio` is the first of them."""
    audio: AudioStream | None
    video: VideoStream | None

    def __init__(self, file: File, hint: Hint | None = None) -> None:
        """Raises NotMedia. The hint is used only if the file has no header."""
        self._file, self._hint = file, hint
        format_, options = _reading(file, hint)
        whole = survey(file) if format_ is None else Whole([file])
        self.losses = Losses(whole.notes, whole.cut)
        self._is_trusted = format_ is not None
        self._frames_last = stated_seconds(whole.parts[0])
        self._container = self._opened(whole, format_, options)
        self.losses.is_forgiving = self._container.format.name == "mp3"
        streams = self._container.streams
        self.sounds = [stream for stream in streams.audio if _is_decodable(stream)]
        self.audio = next(iter(self.sounds), None)
        self.undecodable_sounds = len(streams.audio) - len(self.sounds)
        self.video = next(
            (
                stream
                for stream in streams.video
                if _is_decodable(stream) and not stream.disposition & Disposition.attached_pic
            ),
            None,
        )
        if self.audio is None and self.video is None:
            raise NotMedia
        for stream in self.sounds:
            _forget_speakers(stream)
        self.start = Fraction(self._container.start_time or 0, av.time_base)
        """When the media begins, in seconds, on the clock of its streams."""
        self.picture_end = Fraction(0)
        """When the last picture that was read ends, in seconds from the start."""

    def again(self) -> "MediaFile":
        """The same recording, opened once more from its start."""
        return MediaFile(self._file, self._hint)

    def _opened(self, whole: Whole, format_: str | None, options: dict[str, str]) -> InputContainer:
        first, *later = whole.parts
        if not later:
            return _open(Reader(first), format_, options)
        with suppress(NotMedia):
            alone = MediaFile(first)
            if alone.video is not None:
                self.losses = alone.losses
                more = "1 more recording" if len(later) == 1 else f"{len(later)} more recordings"
                self.losses.notes.append(f"{more} after the first one in this file, not decoded")
                return alone._container
        self._is_trusted = True
        return _open(Joined(whole.parts, MediaFile, self.losses), "wav", {})

    @property
    def complete(self) -> bool:
        """Whether everything could be read and decoded so far."""
        return not self.losses.in_words()

    def packets(self, *streams: Stream | None) -> Iterator["Packet[Stream]"]:
        """The packets of some streams, up to the end or to where the file cannot be read."""
        try:
            for packet in self._container.demux([stream for stream in streams if stream is not None]):
                self._note(packet)
                yield packet
        except MemoryError:
            raise
        except (av.FFmpegError, ValueError):
            self.losses.broken_off()

    def _note(self, packet: "Packet[Stream]") -> None:
        # Without a header the last packet always looks cut off. A wav that is made here is always complete.
        if packet.is_corrupt and not self._is_trusted:
            self.losses.corrupt()
        if packet.stream is self.video and packet.pts is not None:
            end = (packet.pts + (packet.duration or 0)) * packet.time_base - self.start
            self.picture_end = max(self.picture_end, end)

    def decode_audio(self, packet: "Packet[Stream]") -> list[AudioFrame]:
        return [frame for frame in self._decode(packet) if isinstance(frame, AudioFrame)]

    def decode_video(self, packet: "Packet[Stream]") -> list[VideoFrame]:
        return [frame for frame in self._decode(packet) if isinstance(frame, VideoFrame)]

    @property
    def has_sound(self) -> bool:
        """Whether there are tracks of sound, even if they cannot be decoded."""
        return bool(self.sounds) or self.undecodable_sounds > 0

    @property
    def stated_in_all(self) -> Fraction:
        """The length of the recording by the file or by FFmpeg's guess, in seconds; 0 if unknown."""
        return Fraction(self._container.duration or 0, av.time_base)

    def stated_seconds(self, stream: Stream) -> Fraction:
        """The length of a stream by the file, in seconds; 0 if it does not say."""
        if self._container.format.name == "mp3":
            return self._frames_last
        if self._container.format.name not in _STATES_DURATION:
            return Fraction(0)
        if stream.duration is not None and stream.time_base is not None:
            return stream.duration * stream.time_base
        # The file states only its end, on the clock of the streams.
        return Fraction(self._container.duration or 0, av.time_base) - max(self.start, Fraction(0))

    def not_decoded(self, heard: Fraction) -> str:
        """At the end: what could not be decoded, in words. `heard` is how many seconds were decoded."""
        stream = self.audio or self.video
        return self.losses.in_words(heard, self.stated_seconds(stream) if stream else Fraction(0))

    def _decode(self, packet: "Packet[Stream]") -> list[object]:
        try:
            decoded: list[object] = list(packet.decode())
        except MemoryError:
            raise
        except (av.FFmpegError, ValueError):
            # The rest may still be decoded.
            self.losses.failed(Fraction(packet.duration or 0) * (packet.time_base or 0))
            return []
        self.losses.decoded()
        return decoded


def _reading(file: File, hint: Hint | None) -> tuple[str | None, dict[str, str]]:
    """The format to read a file as, and its options. None lets FFmpeg detect the format."""
    if hint is None or has_header(file):
        return None, {}
    return how_to_read(hint)


def _open(file: File | Joined, format_: str | None, options: dict[str, str]) -> InputContainer:
    reading = _READING | {"format_whitelist": format_ or CONTAINERS}
    if isinstance(file, Joined):
        reading |= _LARGE_PACKETS
    else:
        file.seek(0)
        if holds_pcm(file):
            reading |= _LARGE_PACKETS
    try:
        return av.open(
            file, "r", format=format_, options=options, container_options=reading, metadata_errors="replace"
        )
    except MemoryError:
        raise
    except (av.FFmpegError, ValueError):
        raise NotMedia from None


def _forget_speakers(stream: AudioStream) -> None:
    """Replace the speaker layout of a track by the number of its channels, before its decoder is set up.

    Speakers make no difference here. And PyAV 18 frees the description of an unusual speaker layout twice,
    unless it is overwritten as soon as it was read.
    """
    context = stream.codec_context
    if channels := context.channels:
        context.layout = layout_of(channels)


def _is_decodable(stream: Stream) -> bool:
    return getattr(stream, "codec_context", None) is not None
