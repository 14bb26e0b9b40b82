"""How a decoding process and the one that started it talk: messages over a socket pair.

    message = kind (1 byte), length of the payload (4 bytes, big endian), payload

The starter sends one JOB. The decoding process asks for parts of the recording with READ, each
answered by one DATA, sends OUTPUT as it is made, and ends with RESULT or FAILURE.
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
"""The payload of READ: the first byte, and the one after the last."""

_HEADER = struct.Struct(">cI")
_LARGEST_PAYLOAD = 64 << 20


@dataclass(frozen=True, slots=True)
class DecodingJob:
    """What to do with a recording of `size` bytes: `measure` it, make `format` of it, or both.

    Or `rehearse`, with silence, and say what confines the process: the `Layers`.

    `samples` and `opposite` are what an earlier measurement found, where it is known. `hint` is what the
    source said. `channel` is the one that is rendered as speech.
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
    """Why a job ended without a result. `detail` names the error of a decoder that failed."""

    reason: Literal["undecodable", "no-sound", "failed"]
    detail: Annotated[str, Meta(max_length=64, pattern="^[ -~]*$")] = ""


class Closed(Exception):
    """The other end is gone, or does not keep to the rules."""


class Channel:
    """One end of the talk. Raises Closed, and TimeoutError if its socket has a timeout."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def send(self, kind: bytes, payload: Bytes = b"") -> None:
        try:
            self._end.sendall(_HEADER.pack(kind, len(payload)) + payload)
        except (BrokenPipeError, ConnectionResetError):
            raise Closed from None

    def receive(self) -> tuple[bytes, bytes]:
        kind, length = _HEADER.unpack(self._take(_HEADER.size))
        if length > _LARGEST_PAYLOAD:
            raise Closed
        return kind, self._take(length)

    def _take(self, size: int) -> bytes:
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
        return bytes(taken)
