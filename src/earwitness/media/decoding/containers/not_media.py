"""A recording that is opened, as those see it who only listen."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Protocol

from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream


class NotMedia(Exception):
    """There is neither sound nor picture to be had from this."""


class Opened(Protocol):
    """See `MediaFile`."""

    @property
    def audio(self) -> AudioStream | None: ...

    @property
    def video(self) -> VideoStream | None: ...

    def packets(self, *streams: Stream | None) -> Iterator["Packet[Stream]"]: ...

    def decode_audio(self, packet: "Packet[Stream]") -> list[AudioFrame]: ...

    def not_decoded(self, heard: Fraction) -> str: ...
