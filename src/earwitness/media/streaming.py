"""Encryption of media: AES-256-GCM in Tink's AES-GCM-HKDF streaming format, with 64 KiB segments.

    object   = header, segment 0, segment 1, …, last segment
    header   = 40 (one byte: its own length), salt (32 bytes), nonce prefix (7 bytes)
    segment  = AES-256-GCM(derived key, nonce, plaintext), tag of 16 bytes at its end
    nonce    = nonce prefix, segment number (4 bytes, big endian), 1 in the last segment and 0 before
    derived key = HKDF-SHA256(data key, salt, info = associated data), 32 bytes

Segment n ends at byte (n + 1) · 65536 of the object, so segment 0 is shorter by the header. The last
segment ends with the object. Source: https://developers.google.com/tink/streaming-aead/aes_gcm_hkdf_streaming
"""

import hashlib
import os
import threading
from collections.abc import Iterator
from itertools import pairwise

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from earwitness.kernel.deadlines import moved
from earwitness.kernel.errors import Corrupt
from earwitness.media.flow import Bytes, Sink, Stored

SEGMENT_SIZE = 65536
KEY_SIZE = 32

_TAG_SIZE = 16
_SALT_SIZE = 32
_PREFIX_SIZE = 7
_HEADER_SIZE = 1 + _SALT_SIZE + _PREFIX_SIZE
_PLAIN_SEGMENT_SIZE = SEGMENT_SIZE - _TAG_SIZE
_SEGMENTS_AT_ONCE = 16


class _Segments:
    """The cipher of one object: its derived key and nonces."""

    def __init__(self, key: bytes, salt: bytes, prefix: bytes, associated_data: bytes) -> None:
        if len(key) != KEY_SIZE:
            raise ValueError(f"a data key has {KEY_SIZE} bytes")
        self._prefix = prefix
        self._aead = AESGCM(HKDF(SHA256(), KEY_SIZE, salt, associated_data).derive(key))

    def seal(self, number: int, plain: Bytes, into: bytearray, *, last: bool) -> int:
        return self._aead.encrypt_into(self._nonce(number, last), plain, None, into)

    def unseal(self, number: int, sealed: Bytes, into: memoryview, *, last: bool) -> None:
        try:
            self._aead.decrypt_into(self._nonce(number, last), sealed, None, into)
        except InvalidTag:
            raise Corrupt(f"Segment {number} of the stored media does not verify.") from None

    def _nonce(self, number: int, last: bool) -> bytes:
        return self._prefix + number.to_bytes(4, "big") + (b"\1" if last else b"\0")


class _Room(threading.local):
    """The memory that each thread reads and decrypts into, again and again.

    To map new memory takes longer than to decrypt. Threads have it, not downloads, so that a download that
    waits for its client holds none.
    """

    def __init__(self) -> None:
        self.sealed = memoryview(bytearray(_SEGMENTS_AT_ONCE * SEGMENT_SIZE))
        self.plain = memoryview(bytearray(_SEGMENTS_AT_ONCE * _PLAIN_SEGMENT_SIZE))


_room = _Room()


class EncryptingWriter:
    """Encrypts bytes into `sink`, segment by segment.

    `key` is a 32-byte data key. Without `finish` the object does not verify: the end of the media is
    authenticated like the rest of it.
    """

    def __init__(self, sink: Sink, key: bytes, associated_data: bytes) -> None:
        salt, prefix = os.urandom(_SALT_SIZE), os.urandom(_PREFIX_SIZE)
        self._segments = _Segments(key, salt, prefix, associated_data)
        self._sink = sink
        self._digest = hashlib.sha256()
        self._number = 0
        self._plain = bytearray(_PLAIN_SEGMENT_SIZE)
        self._filled = 0
        self._room = _PLAIN_SEGMENT_SIZE - _HEADER_SIZE
        self._sealed = bytearray(SEGMENT_SIZE)
        self._finished = False
        self.plain_size = 0
        """How many bytes were written, before encryption."""
        self.stored_size = _HEADER_SIZE
        """How many bytes went to the sink."""
        sink.write(bytes((_HEADER_SIZE,)) + salt + prefix)

    @property
    def sha256(self) -> bytes:
        """The SHA-256 of what was written, 32 bytes."""
        return self._digest.digest()

    def write(self, data: Bytes) -> None:
        if self._finished:
            raise ValueError("nothing can be written after the end")
        view = memoryview(data).cast("B")
        self._digest.update(view)
        self.plain_size += len(view)
        # A full segment is kept until more bytes come: only then it is known not to be the last.
        while len(view) > self._room:
            head, view = view[: self._room], view[self._room :]
            if self._filled:
                self._keep(head)
                head = memoryview(self._plain)[: self._filled]
            self._seal(head, last=False)
        self._keep(view)

    def finish(self) -> None:
        """Write the last segment."""
        if not self._finished:
            self._finished = True
            self._seal(memoryview(self._plain)[: self._filled], last=True)

    def _keep(self, data: memoryview) -> None:
        self._plain[self._filled : self._filled + len(data)] = data
        self._filled += len(data)
        self._room -= len(data)

    def _seal(self, plain: memoryview, *, last: bool) -> None:
        size = len(plain) + _TAG_SIZE
        into = self._sealed if size == SEGMENT_SIZE else bytearray(size)
        self._segments.seal(self._number, plain, into, last=last)
        self._sink.write(into)
        self.stored_size += size
        self._number += 1
        self._filled, self._room = 0, _PLAIN_SEGMENT_SIZE


class DecryptingReader:
    """Any range of an encrypted object, decrypted: only the segments it touches are read.

    No byte leaves before its segment is authenticated, and reading up to the end proves that it is the true
    end. Raises Corrupt for any damage, for another object and for the wrong key.
    """

    def __init__(self, stored: Stored, key: bytes, associated_data: bytes) -> None:
        header = stored.read(0, _HEADER_SIZE)
        self._count, last_size = _count_segments(stored.size)
        if len(header) != _HEADER_SIZE or header[0] != _HEADER_SIZE or last_size < _TAG_SIZE:
            raise Corrupt("The stored media is cut short or has no header.")
        salt, prefix = header[1 : 1 + _SALT_SIZE], header[1 + _SALT_SIZE :]
        self._segments = _Segments(key, salt, prefix, associated_data)
        self._stored = stored
        self.stored_size = stored.size
        """How many bytes there are, encrypted."""
        self.size = stored.size - _HEADER_SIZE - self._count * _TAG_SIZE
        """How many bytes there are, decrypted. Only the last segment proves it."""

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from `start` up to `stop`, or up to the end if it comes first."""
        return b"".join(self.chunks(start, stop))

    def chunks(self, start: int, stop: int) -> Iterator[bytes]:
        """The same in pieces of at most 1 MiB, in constant memory. The first has 64 KiB, to come soon."""
        if not 0 <= start <= stop:
            raise ValueError("a range starts at or after 0 and does not end before it starts")
        for number, after in _runs(*self._touched(start, stop)):
            offset = _plain_start(number)
            piece = self._unseal(number, after)[max(start - offset, 0) : max(stop - offset, 0)]
            if piece:
                yield bytes(piece)

    def verify(self, sha256: bytes | None = None) -> None:
        """Read and authenticate everything, and compare the SHA-256 if it is given. Raises Corrupt."""
        digest = hashlib.sha256()
        for number, after in _runs(0, self._count):
            plain = self._unseal(number, after)
            moved()
            if sha256 is not None:
                digest.update(plain)
        if sha256 is not None and digest.digest() != sha256:
            raise Corrupt("The stored media does not match its checksum.")

    def _touched(self, start: int, stop: int) -> tuple[int, int]:
        """The numbers of the first segment a range touches and of the one after its last."""
        first = min((start + _HEADER_SIZE) // _PLAIN_SEGMENT_SIZE, self._count - 1)
        if stop >= self.size:
            return first, self._count
        after = (stop + _HEADER_SIZE - 1) // _PLAIN_SEGMENT_SIZE + 1 if stop > start else first
        return first, after

    def _unseal(self, first: int, after: int) -> memoryview:
        """The segments from `first` up to `after`, in memory that is valid until this thread's next call."""
        begin = first * SEGMENT_SIZE or _HEADER_SIZE
        sealed = _room.sealed[: min(after * SEGMENT_SIZE, self._stored.size) - begin]
        if self._stored.read_into(begin, sealed) != len(sealed):
            raise Corrupt("The stored media is cut short.")
        plain, size = _room.plain, 0
        for number in range(first, after):
            segment = sealed[max(number * SEGMENT_SIZE - begin, 0) : (number + 1) * SEGMENT_SIZE - begin]
            into = plain[size : size + len(segment) - _TAG_SIZE]
            self._segments.unseal(number, segment, into, last=number == self._count - 1)
            size += len(into)
        return plain[:size]


def _count_segments(stored_size: int) -> tuple[int, int]:
    """How many segments an object has, and how many bytes its last segment has."""
    count = max(-(-stored_size // SEGMENT_SIZE), 1)
    begin = (count - 1) * SEGMENT_SIZE or _HEADER_SIZE
    return count, stored_size - begin


def _runs(first: int, after: int) -> Iterator[tuple[int, int]]:
    """The segments to read at once, as first and after the last: one, then as many as there is room for."""
    starts = [*range(first, after)[:1], *range(first + 1, after, _SEGMENTS_AT_ONCE)]
    return pairwise([*starts, after])


def _plain_start(number: int) -> int:
    return max(number * _PLAIN_SEGMENT_SIZE - _HEADER_SIZE, 0)
