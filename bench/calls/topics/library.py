"""What ingest does with a call, by the libraries alone: the floor of ingest and of renditions."""

import hashlib
import io
import os
import wave
from pathlib import Path

import lameenc
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench.calls.by_hand import Hand

_SEGMENT = 64 << 10
_KILOBITS, _QUALITY = 64, 7


def mp3_of(sound: bytes) -> bytes:
    """The mp3 of a WAV file, as the archive makes it."""
    with wave.open(io.BytesIO(sound)) as file:
        encoder = lameenc.Encoder()
        encoder.silence()
        encoder.set_bit_rate(_KILOBITS)
        encoder.set_quality(_QUALITY)
        encoder.set_channels(file.getnchannels())
        encoder.set_in_sample_rate(file.getframerate())
        made = encoder.encode(file.readframes(file.getnframes()))
    return bytes(made) + bytes(encoder.flush())


def ingest_by_hand(hand: Hand, folder: Path, third_party_id: str, sound: bytes) -> None:
    """Keep a call and its mp3 as ingest does: hashed, encrypted, synced, and each committed."""
    key = keep_by_hand(hand, folder, third_party_id, sound)
    _store(folder / f"{third_party_id}.mp3", mp3_of(sound), key)
    hand.write(("UPDATE bench.ingested SET sha256 = sha256 WHERE third_party_id = ?", third_party_id))


def keep_by_hand(hand: Hand, folder: Path, third_party_id: str, sound: bytes) -> bytes:
    """What has to be done before a call can be acknowledged. Returns its key."""
    key, digest = AESGCM.generate_key(256), hashlib.sha256(sound).digest()
    _store(folder / third_party_id, sound, key)
    insert = "INSERT INTO bench.ingested (third_party_id, sha256, wrapped_key) VALUES (?, ?, ?)"
    hand.write((insert, third_party_id, digest, key))
    return key


def _store(file: Path, content: bytes, key: bytes) -> None:
    """Write an encrypted file that is still there after a power cut."""
    cipher, beside = AESGCM(key), file.with_suffix(".part")
    with beside.open("wb") as output:
        for number, start in enumerate(range(0, len(content), _SEGMENT)):
            nonce = number.to_bytes(12, "big")
            output.write(cipher.encrypt(nonce, content[start : start + _SEGMENT], None))
        output.flush()
        os.fsync(output.fileno())
    beside.rename(file)
    folder = os.open(file.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
