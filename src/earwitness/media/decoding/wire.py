"""How a decoding process and the one that started it talk: messages over a socket pair.

    message = kind (1 byte), length of the payload (4 bytes, big endian), payload

The starter sends one JOB. The decoding process asks for parts of the recording with READ, each
answered by one DATA, sends OUTPUT as it is made, and ends with RESULT or FAILURE.
"""

import socket
import struct
from dataclasses import dataclass, field
from typing import Literal

from earwitness.media.flow import Bytes
from earwitness.media.measurement import Format, Limits

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
class Job:
    """What to do with a recording of `size` bytes: `measure` it, make `format` of it, or both.

    `samples` is how many an earlier measurement counted, where it is known.
    """

    size: int
    limits: Limits
    measure: bool = False
    format: Format | None = None
    samples: int | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job ended without a result; `formats` are those the recording can be had in."""

    reason: Literal["undecodable", "format-unavailable", "failed"]
    detail: str
    formats: list[str] = field(default_factory=list)


class Channel:
    """One end of the talk. Raises EOFError when the other end is gone."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def send(self, kind: bytes, payload: Bytes = b"") -> None:
        try:
            self._end.sendall(_HEADER.pack(kind, len(payload)) + payload)
        except (BrokenPipeError, ConnectionResetError):
            raise EOFError from None

    def receive(self) -> tuple[bytes, bytes]:
        kind, length = _HEADER.unpack(self._take(_HEADER.size))
        if length > _LARGEST_PAYLOAD:
            raise ValueError("no message is that long")
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
                raise EOFError
            missing = missing[count:]
        return bytes(taken)
