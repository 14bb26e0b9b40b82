"""The sound of a recording: the channels of all its tracks side by side, on one clock."""

from array import array
from collections.abc import Iterator
from fractions import Fraction
from functools import cached_property
from itertools import chain

from av.audio.frame import AudioFrame
from av.packet import Packet
from av.stream import Stream

from earwitness.media.decoding.containers.media_file import MediaFile
from earwitness.media.decoding.containers.not_media import NotMedia
from earwitness.media.decoding.layouts import (
    MOST_CHANNELS,
    frame_of,
    layout_of,
    samples_of,
)
from earwitness.media.decoding.sound.mix import one_of
from earwitness.media.decoding.sound.pcm import SHORTEST_GAP_MS, USUAL_LIMITS, Pcm, SoundLimits

# A file may round its length up by a frame or two; a damaged file lacks more.
TOLERANCE = Fraction(1, 4)
_SHORTEST_GAP = Fraction(SHORTEST_GAP_MS, 1000)


class Sound:
    """The sound of a recording, in blocks. Its rate and channels are known before the first block.

    Channels are counted over all tracks in order. Each track opens the file anew, so that the order of the
    tracks within the file does not matter. The rate is the highest of theirs, so that no track loses quality.
    A track that begins later or ends earlier is silent for the rest. With `picture` the packets of the
    picture are read too, but not decoded, so that the media knows when the picture ends.
    """

    samples = 0
    """How many samples were read so far, per channel."""

    def __init__(
        self, media: MediaFile, *, picture: bool = False, limits: SoundLimits = USUAL_LIMITS
    ) -> None:
        """Raises NotMedia if none of the sound can be decoded."""
        self._tracks, self._left_out = _open_tracks(media, picture, limits)
        rates = [track.rate for track in self._tracks if track.rate]
        if not rates:
            raise NotMedia
        self._unknown = media.undecodable_sounds
        self.rate = max(rates)
        self.tracks = [track.channels for track in self._tracks]
        """How many channels each track has."""
        self.channels = sum(self.tracks)
        self.layout = layout_of(self.channels)

    def __iter__(self) -> Iterator[AudioFrame]:
        several = len(self._tracks) > 1
        parts = [track.blocks(self.rate, beside_others=several) for track in self._tracks]
        for block in self._side_by_side(parts) if several else parts[0]:
            self.samples += block.samples
            yield block

    def channel(self, number: int) -> Iterator[AudioFrame]:
        """One channel alone, at the rate of its track. Raises NotMedia if there is no such channel."""
        for track in self._tracks:
            if number < track.channels:
                for block in track.blocks(track.rate, beside_others=len(self._tracks) > 1):
                    yield one_of(block, number)
                return
            number -= track.channels
        raise NotMedia

    @property
    def not_decoded(self) -> str:
        """What could not be decoded, in words. Read it after the last block."""
        losses = [
            f"Track {number} of the sound could not be {'wholly ' if track.rate else ''}decoded."
            for number, track in enumerate(self._tracks, 1)
            if track.is_damaged
        ]
        if self._left_out:
            losses.append(f"Of more than {MOST_CHANNELS} channels the last {self._left_out} were left out.")
        if self._unknown:
            losses.append(f"Tracks of sound in a codec that is not known: {self._unknown}.")
        return " ".join(losses[:4])

    @property
    def is_complete(self) -> bool:
        """Whether all was decoded, and each track is as long as stated. Read it after the last block."""
        whole = Fraction(self.samples, self.rate)
        return not self.not_decoded and all(track.is_complete(whole) for track in self._tracks)

    def _side_by_side(self, parts: list[Iterator[AudioFrame]]) -> Iterator[AudioFrame]:
        while True:
            blocks = [next(part, None) for part in parts]
            length = max((block.samples for block in blocks if block is not None), default=0)
            if not length:
                return
            every = array("h", bytes(2 * length * self.channels))
            first = 0
            for block, channels in zip(blocks, self.tracks, strict=True):
                if block is not None:
                    own = array("h")
                    own.frombytes(samples_of(block))
                    for channel in range(channels):
                        end = block.samples * self.channels
                        every[first + channel : end : self.channels] = own[channel::channels]
                first += channels
            yield frame_of(every.tobytes(), self.rate, self.channels)


class _Track:
    """One track. Its first frame is decoded at once: only that gives its rate and channels."""

    def __init__(self, media: MediaFile, number: int, limits: SoundLimits, *, picture: bool) -> None:
        self._limits = limits
        self._media = media
        self._number = number
        self._stream = stream = media.sounds[number]
        self._picture = media.video if picture else None
        self._holds_something = False
        self._frames = self._decoded()
        self._first = next(self._frames, None)
        self.rate = self._first.sample_rate if self._first else 0
        """The sample rate in Hz; 0 if nothing of the track can be decoded."""
        self.channels = self._first.layout.nb_channels if self._first else stream.codec_context.channels
        self._pcm = Pcm(media.start)

    @property
    def is_damaged(self) -> bool:
        return self._pcm.is_damaged or (self._holds_something and not self.rate)

    def is_complete(self, whole: Fraction) -> bool:
        """Whether all of it was decoded. `whole` is the length of the whole recording in seconds."""
        if not self.rate:
            return self._media.complete
        # Without a stated length of the track, `stated_seconds` is that of the whole recording.
        own = self._stream.duration is not None
        heard = Fraction(self._pcm.samples, self._pcm.rate) if own else whole
        return self._media.complete and heard + TOLERANCE >= self._media.stated_seconds(self._stream)

    def blocks(self, rate: int, *, beside_others: bool) -> Iterator[AudioFrame]:
        if self._first is None:
            return
        self._pcm = Pcm(
            self._media.start,
            rate,
            beside_others=beside_others,
            clock_is_right=self._clock_is_right,
            limits=self._limits,
        )
        for frame in chain((self._first,), self._frames):
            yield from self._pcm.push(frame)
        yield from self._pcm.finish()

    def _clock_is_right(self) -> bool:
        """Whether a leap of the clock is a gap, and not an error of the clock or the delay of the decoder."""
        return not self._media.complete or self._has_room_for_gaps

    @cached_property
    def _has_room_for_gaps(self) -> bool:
        """Whether the recording with its gaps would be no longer than the file states.

        If the stored sound is as long as that already, or the clock goes on long after it, there are no gaps.
        A file that is longer than it states, as when its recorder died, says nothing about gaps.
        """
        media = self._media.again()
        if not (stated := media.stated_in_all):
            return True
        end = length = Fraction(0)
        for packet in media.packets(media.sounds[self._number]):
            clock = packet.time_base or Fraction(0)
            length += (packet.duration or 0) * clock or self._length_of(media, packet)
            if packet.pts is not None:
                end = max(end, (packet.pts + (packet.duration or 0)) * clock - media.start)
        if length > stated + _SHORTEST_GAP:
            return True
        return length < stated - _SHORTEST_GAP and end <= stated + _SHORTEST_GAP

    def _length_of(self, media: MediaFile, packet: "Packet[Stream]") -> Fraction:
        return sum(
            (Fraction(frame.samples, frame.sample_rate or 1) for frame in media.decode_audio(packet)),
            Fraction(0),
        )

    def _decoded(self) -> Iterator[AudioFrame]:
        for packet in self._media.packets(self._stream, self._picture):
            if packet.stream is not self._stream:
                continue
            self._holds_something = self._holds_something or bool(packet.size)
            for frame in self._media.decode_audio(packet):
                if frame.samples and frame.sample_rate > 0 and frame.layout.nb_channels:
                    yield frame


def _open_tracks(media: MediaFile, picture: bool, limits: SoundLimits) -> tuple[list[_Track], int]:
    """The tracks of a recording, up to the most channels, and how many channels are left out."""
    tracks: list[_Track] = []
    channels = left_out = 0
    for number in range(len(media.sounds)):
        own = media if number == 0 else media.again()
        stated = own.sounds[number].codec_context.channels
        if left_out or channels + stated > MOST_CHANNELS or number >= MOST_CHANNELS:
            left_out += stated
            continue
        track = _Track(own, number, limits, picture=picture and number == 0)
        if channels + track.channels > MOST_CHANNELS:
            left_out += track.channels
            continue
        channels += track.channels
        tracks.append(track)
    return tracks, left_out
