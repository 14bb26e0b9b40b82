"""The encrypted format: Tink reads it, any range can be read, and any damage is noticed."""

import hashlib
import io
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tink import cleartext_keyset_handle, streaming_aead
from tink.proto import aes_gcm_hkdf_streaming_pb2, common_pb2, tink_pb2

from earwitness.kernel.errors import Corrupt
from earwitness.media.streaming import SEGMENT_SIZE, DecryptingReader, EncryptingWriter

KEY = bytes(range(32))
BOUND_TO = b"earwitness test"
FIRST = SEGMENT_SIZE - 40 - 16
"""Plain bytes in the first segment."""
EACH = SEGMENT_SIZE - 16
BORDERS = sorted(
    {0, 1, 15, 16, 17, 40, 56}
    | {border + step for border in (FIRST, FIRST + EACH, FIRST + 17 * EACH) for step in (-41, -16, -1, 0, 1)}
)
PLAIN = os.urandom(FIRST + 18 * EACH)

sizes = st.sampled_from(BORDERS) | st.integers(0, FIRST + 18 * EACH)


class Object:
    """An object in memory that counts how much of it is read."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.size = len(content)
        self.taken = 0

    def read(self, start: int, stop: int, /) -> bytes:
        piece = self.content[start:stop]
        self.taken += len(piece)
        return piece

    def read_into(self, start: int, into: memoryview, /) -> int:
        piece = self.read(start, start + len(into))
        into[: len(piece)] = piece
        return len(piece)


def encrypt(plain: bytes, pieces: int = 1 << 20, key: bytes = KEY, bound_to: bytes = BOUND_TO) -> bytes:
    sink = io.BytesIO()
    writer = EncryptingWriter(sink, key, bound_to)
    for start in range(0, len(plain), pieces):
        writer.write(plain[start : start + pieces])
    writer.finish()
    assert writer.plain_size == len(plain)
    assert writer.stored_size == len(sink.getvalue())
    assert writer.sha256 == hashlib.sha256(plain).digest()
    return sink.getvalue()


def reader(sealed: bytes, key: bytes = KEY, bound_to: bytes = BOUND_TO) -> DecryptingReader:
    return DecryptingReader(Object(sealed), key, bound_to)


def read_all(sealed: bytes) -> bytes:
    source = reader(sealed)
    return source.read(0, source.size)


@pytest.fixture(scope="module")
def tink() -> Any:
    streaming_aead.register()
    key = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey(version=0, key_value=KEY)
    key.params.ciphertext_segment_size = SEGMENT_SIZE
    key.params.derived_key_size = 32
    key.params.hkdf_hash_type = common_pb2.SHA256
    keyset = tink_pb2.Keyset(primary_key_id=1)
    entry = keyset.key.add(key_id=1, status=tink_pb2.ENABLED, output_prefix_type=tink_pb2.RAW)
    entry.key_data.type_url = "type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey"
    entry.key_data.value = key.SerializeToString()
    entry.key_data.key_material_type = tink_pb2.KeyData.SYMMETRIC
    handle = cleartext_keyset_handle.from_keyset(keyset)
    return handle.primitive(streaming_aead.StreamingAead)


@pytest.mark.parametrize("size", BORDERS)
def test_tink_reads_what_we_write(tink: Any, size: int) -> None:
    with tink.new_decrypting_stream(io.BytesIO(encrypt(PLAIN[:size])), BOUND_TO) as stream:
        assert stream.read() == PLAIN[:size]


@pytest.mark.parametrize("size", BORDERS)
def test_we_read_what_tink_writes(tink: Any, tmp_path: Path, size: int) -> None:
    path = tmp_path / "object"
    with path.open("wb") as file, tink.new_encrypting_stream(file, BOUND_TO) as stream:
        stream.write(PLAIN[:size])
    assert read_all(path.read_bytes()) == PLAIN[:size]


@given(size=sizes, pieces=st.sampled_from([4093, EACH, FIRST, 1 << 20]))
def test_media_comes_back_whole_however_it_was_written(size: int, pieces: int) -> None:
    sealed = encrypt(PLAIN[:size], pieces)
    assert reader(sealed).size == size
    assert read_all(sealed) == PLAIN[:size]


@given(size=sizes, start=sizes, length=sizes)
def test_any_range_is_what_slicing_gives(size: int, start: int, length: int) -> None:
    assert reader(encrypt(PLAIN[:size])).read(start, start + length) == PLAIN[:size][start : start + length]


def test_a_range_reads_only_the_segments_it_touches() -> None:
    stored = Object(encrypt(PLAIN))
    source = DecryptingReader(stored, KEY, BOUND_TO)
    stored.taken = 0
    assert source.read(FIRST + 5, FIRST + 10) == PLAIN[FIRST + 5 : FIRST + 10]
    assert stored.taken == SEGMENT_SIZE


def test_pieces_are_small_whatever_the_range() -> None:
    assert max(map(len, reader(encrypt(PLAIN)).chunks(3, len(PLAIN)))) <= 1 << 20


def test_the_first_piece_is_there_after_one_segment() -> None:
    stored = Object(encrypt(PLAIN))
    source = DecryptingReader(stored, KEY, BOUND_TO)
    stored.taken = 0
    assert next(source.chunks(FIRST + 5, len(PLAIN))) == PLAIN[FIRST + 5 : FIRST + EACH]
    assert stored.taken == SEGMENT_SIZE


def test_objects_that_are_read_piece_by_piece_in_turns_do_not_mix() -> None:
    plains = [PLAIN, PLAIN[::-1]]
    flows = [reader(encrypt(plain)).chunks(0, len(plain)) for plain in plains]
    pieces = list(zip(*flows, strict=True))
    assert [b"".join(received) for received in zip(*pieces, strict=True)] == plains


def test_objects_that_are_read_in_several_threads_do_not_mix() -> None:
    plains, reading = [PLAIN, PLAIN[::-1]], threading.Barrier(2)

    class Slow(Object):
        """Waits until both objects have been read, before either is decrypted."""

        def read_into(self, start: int, into: memoryview, /) -> int:
            count = super().read_into(start, into)
            reading.wait(timeout=10)
            return count

    sources = [DecryptingReader(Slow(encrypt(plain)), KEY, BOUND_TO) for plain in plains]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda source: source.read(0, source.size), sources)) == plains


def test_two_objects_of_the_same_content_share_nothing() -> None:
    one, other = encrypt(b"hello" * 100), encrypt(b"hello" * 100)
    assert one[1:60] != other[1:60]
    assert one[60:] != other[60:]


@given(size=sizes, data=st.data())
def test_a_flipped_bit_anywhere_is_noticed(size: int, data: st.DataObject) -> None:
    sealed = bytearray(encrypt(PLAIN[:size]))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Corrupt):
        reader(bytes(sealed)).verify()


@given(size=sizes, data=st.data())
def test_no_byte_of_a_damaged_segment_leaves(size: int, data: st.DataObject) -> None:
    sealed = bytearray(encrypt(PLAIN[:size]))
    sealed[data.draw(st.integers(40, len(sealed) - 1))] ^= 0x80
    source = reader(bytes(sealed))
    received: list[bytes] = []
    with pytest.raises(Corrupt):
        received.extend(source.chunks(0, source.size))
    assert PLAIN.startswith(b"".join(received))


@given(size=sizes, data=st.data())
def test_reading_to_the_end_notices_a_shortened_object(size: int, data: st.DataObject) -> None:
    sealed = encrypt(PLAIN[:size])
    ends = range(SEGMENT_SIZE, len(sealed), SEGMENT_SIZE)
    kept = data.draw(st.sampled_from([0, 1, 39, 40, 55, 56, *ends]) | st.integers(0, len(sealed) - 1))
    if kept < len(sealed):
        with pytest.raises(Corrupt):
            read_all(sealed[:kept])


def test_bytes_that_were_read_before_do_not_hide_a_later_cut() -> None:
    stored = Object(encrypt(PLAIN))
    source = DecryptingReader(stored, KEY, BOUND_TO)
    assert source.read(FIRST, FIRST + 5) == PLAIN[FIRST : FIRST + 5]
    stored.content = stored.content[:SEGMENT_SIZE]
    with pytest.raises(Corrupt):
        source.read(FIRST, FIRST + 5)


def test_reading_the_empty_end_authenticates_it_too() -> None:
    cut_to_nothing = encrypt(b"something was said")[: 40 + 16]
    with pytest.raises(Corrupt):
        reader(cut_to_nothing).read(0, 0)


@pytest.mark.parametrize("extra", [1, 16, 17, SEGMENT_SIZE, SEGMENT_SIZE + 40])
@pytest.mark.parametrize("size", [0, 100, FIRST, FIRST + EACH])
def test_an_extended_object_is_noticed(size: int, extra: int) -> None:
    with pytest.raises(Corrupt):
        read_all(encrypt(PLAIN[:size]) + bytes(extra))


def _other_key(sealed: bytes) -> DecryptingReader:
    return reader(sealed, key=bytes(32))


def _other_binding(sealed: bytes) -> DecryptingReader:
    return reader(sealed, bound_to=b"another recording")


def _swapped_segments(sealed: bytes) -> DecryptingReader:
    second, third = sealed[SEGMENT_SIZE : 2 * SEGMENT_SIZE], sealed[2 * SEGMENT_SIZE : 3 * SEGMENT_SIZE]
    return reader(sealed[:SEGMENT_SIZE] + third + second + sealed[3 * SEGMENT_SIZE :])


def _spliced_objects(sealed: bytes) -> DecryptingReader:
    return reader(sealed[: 2 * SEGMENT_SIZE] + encrypt(PLAIN)[2 * SEGMENT_SIZE :])


@pytest.mark.parametrize("tampered", [_other_key, _other_binding, _swapped_segments, _spliced_objects])
def test_objects_cannot_be_swapped(tampered: Callable[[bytes], DecryptingReader]) -> None:
    with pytest.raises(Corrupt):
        tampered(encrypt(PLAIN)).verify()


def test_an_object_without_its_end_does_not_verify() -> None:
    sink = io.BytesIO()
    EncryptingWriter(sink, KEY, BOUND_TO).write(PLAIN)
    with pytest.raises(Corrupt):
        reader(sink.getvalue()).verify()
