"""The messages between a decoding process and the process that started it, over a socket pair.

    message = kind (1 byte), length of the payload (4 bytes, big endian), payload

The starter sends one JOB. The decoding process sends READ for a part of the recording, which the starter
answers with DATA; it sends OUTPUT as it makes it, and ends with RESULT or FAILURE.
"""

import socket
import struct
from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from earwitness.kernel.formats import Rendered
from earwitness.media.flow import Bytes
from earwitness.media.measurement import DecoderLimits, Hint, Speech

JOB = b"J"
READ = b"R"
DATA = b"D"
OUTPUT = b"O"
RESULT = b"E"
FAILURE = b"F"

RANGE = struct.Struct(">QQ")
"""The payload of READ: the offset of the first byte, and of the byte after the last."""

_HEADER = struct.Struct(">cI")
_LARGEST_PAYLOAD = 64 << 20


@dataclass(frozen=True, slots=True)
class DecodingJob:
    """What to do with a recording of `size` bytes: `measure` it, write `format`, or both.

    With `rehearse` the process only decodes silence, and answers with the `Layers` that confine it.

    `samples` and `opposite` are those of an earlier measurement, if there is one. `hint` is what the source
    said. `channel` is the channel to write as speech.
    """

    size: int
    limits: DecoderLimits
    measure: bool = False
    format: Rendered | Speech | None = None
    samples: int | None = None
    hint: Hint | None = None
    opposite: bool | None = None
    channel: int = 0
    rehearse: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job ended without a result. `detail` is the name of the error, if decoding failed."""

    reason: Literal["undecodable", "no-sound", "failed"]
    detail: Annotated[str, Meta(max_length=64, pattern="^[ -~]*$")] = ""


class Closed(Exception):
    """The other end is gone, or sent something unexpected."""


class Channel:
    """One end of the connection. Raises Closed, and TimeoutError if its socket has a timeout."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def send(self, kind: bytes, payload: Bytes = b"") -> None:
        try:
            self._end.sendall(_HEADER.pack(kind, len(payload)) + payload)
        except (BrokenPipeError, ConnectionResetError):
            raise Closed from None

    def receive(self) -> tuple[bytes, bytearray]:
        kind, length = _HEADER.unpack(self._take(_HEADER.size))
        if length > _LARGEST_PAYLOAD:
            raise Closed
        return kind, self._take(length)

    def _take(self, size: int) -> bytearray:
        taken = bytearray(size)
        missing = memoryview(taken)
        while missing:
            try:
                count = self._end.recv_into(missing)
            except ConnectionResetError:
                count = 0
            if not count:
                raise Closed
            missing = missing[count:]
        return taken
