"""The keys of signed notes: Ed25519, as text, and what they sign.

    <name>+<id in hex>+<base64 of the kind and the public key>      a verifier key (C2SP's signed-note)
    PRIVATE+KEY+<name>+<id in hex>+<base64 of the kind and the seed>   a signer key (as Go's sumdb writes it)

A log signs the text of a note as it is. A witness signs it below the time of its statement (C2SP's
tlog-cosignature): the signature is that time, in seconds since 1970 as 8 bytes, and the signature of Ed25519.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from earwitness.archive.ledger.notes import strict_base64
from earwitness.archive.ledger.notes.signed_note import (
    KEY_ID_BYTES,
    NoteRefused,
    Signature,
    SignedNote,
    is_key_name,
)

KEY_BYTES = 32

_PRIVATE = "PRIVATE+KEY+"
_TIME_BYTES = 8
_LATEST = (1 << 63) - 1
_KEY_ID = re.compile(r"[0-9a-f]{8}", re.ASCII)


class KeyRefused(ValueError):
    """A text is no key of a note. Its message says why, and never shows a secret."""


class Kind(IntEnum):
    """What a key signs: the type of its signatures, as signed-note numbers them."""

    LOG = 0x01
    WITNESS = 0x04


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """The public half of a key."""

    name: str
    kind: Kind
    public: bytes

    @property
    def key_id(self) -> bytes:
        return _key_id(self.name, self.kind, self.public)

    @property
    def text(self) -> str:
        encoded = strict_base64.encode(bytes([self.kind]) + self.public)
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    @classmethod
    def read(cls, text: str, kind: Kind | None = None) -> Self:
        """Read a verifier key, which has to be of `kind` if one is given. Raises KeyRefused."""
        name, key_id, found, public = _read(text)
        if kind is not None and found is not kind:
            raise KeyRefused(f"{name} is the key of a {found.name.lower()}, not of a {kind.name.lower()}")
        key = cls(name, found, public)
        if key.key_id != key_id:
            raise KeyRefused(f"the id of the key {name} does not belong to it: a part was changed")
        return key

    def made(self, signature: Signature) -> bool:
        """Whether a signature says that it is this key's."""
        return (signature.name, signature.key_id) == (self.name, self.key_id)

    def verifies(self, text: str, signature: Signature) -> bool:
        """Whether a signature that says that it is this key's is that, over a text."""
        signed, time = text, signature.signature[: len(signature.signature) - 64]
        if len(time) != (_TIME_BYTES if self.kind is Kind.WITNESS else 0):
            return False
        if self.kind is Kind.WITNESS:
            if int.from_bytes(time) > _LATEST:
                return False
            signed = _with_time(text, int.from_bytes(time))
        try:
            key = Ed25519PublicKey.from_public_bytes(self.public)
            key.verify(signature.signature[len(time) :], signed.encode())
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class SignerKey:
    """The secret half of a key: 32 random bytes (the seed of RFC 8032)."""

    name: str
    kind: Kind
    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not is_key_name(self.name):
            raise KeyRefused("a key needs a name, without spaces and `+`")

    @classmethod
    def generate(cls, name: str, kind: Kind) -> Self:
        """Raises KeyRefused for what cannot be the name of a key."""
        return cls(name, kind, secrets.token_bytes(KEY_BYTES))

    @property
    def verifier(self) -> VerifierKey:
        public = Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()
        return VerifierKey(self.name, self.kind, public)

    @property
    def text(self) -> str:
        encoded = strict_base64.encode(bytes([self.kind]) + self.seed)
        return f"{_PRIVATE}{self.name}+{self.verifier.key_id.hex()}+{encoded}"

    @classmethod
    def read(cls, text: str) -> Self:
        """Read a signer key. Raises KeyRefused."""
        if not text.startswith(_PRIVATE):
            raise KeyRefused(f"a signer key begins with {_PRIVATE}")
        name, key_id, kind, seed = _read(text.removeprefix(_PRIVATE))
        key = cls(name, kind, seed)
        if key.verifier.key_id != key_id:
            raise KeyRefused(f"the id of the key {name} does not belong to it: a part was changed")
        return key

    def sign(self, text: str) -> Signature:
        """Sign a text, as a log."""
        return self._signed(Kind.LOG, b"", text)

    def cosign(self, text: str, at: int) -> Signature:
        """Sign the text of a checkpoint, as a witness, at a time in seconds since 1970."""
        return self._signed(Kind.WITNESS, at.to_bytes(_TIME_BYTES), _with_time(text, at))

    def _signed(self, kind: Kind, time: bytes, text: str) -> Signature:
        if self.kind is not kind:
            raise KeyRefused(f"{self.name} is not the key of a {kind.name.lower()}")
        made = Ed25519PrivateKey.from_private_bytes(self.seed).sign(text.encode())
        return Signature(self.name, self.verifier.key_id, time + made)


def cosigned_at(signature: Signature) -> int:
    """The time of a witness's statement, in seconds since 1970."""
    return int.from_bytes(signature.signature[:_TIME_BYTES])


def verified(note: SignedNote, keys: Iterable[VerifierKey]) -> dict[VerifierKey, Signature]:
    """The first signature of each of these keys, after all of theirs were verified. Others are ignored.

    Raises NoteRefused if there is none, or if one of them is wrong.
    """
    known = {(key.name, key.key_id): key for key in keys}
    found: dict[VerifierKey, Signature] = {}
    for signature in note.signatures:
        if key := known.get((signature.name, signature.key_id)):
            if not key.verifies(note.text, signature):
                raise NoteRefused(f"the signature of {key.name} is wrong")
            found.setdefault(key, signature)
    if not found:
        raise NoteRefused("the note has no signature of a known key")
    return found


def _with_time(text: str, at: int) -> str:
    return f"cosignature/v1\ntime {at}\n{text}"


def _key_id(name: str, kind: int, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:KEY_ID_BYTES]


def _read(text: str) -> tuple[str, bytes, Kind, bytes]:
    """The name, the id, the kind and the rest of a key. Raises KeyRefused."""
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")  # base64 has a `+`, too
    if not is_key_name(name) or not _KEY_ID.fullmatch(key_id):
        raise KeyRefused("a key has a name, `+`, 8 hex digits, `+`, and base64")
    try:
        value = strict_base64.decode(encoded)
    except ValueError as error:
        raise KeyRefused(f"the last part of the key {name} is {error}") from None
    if value[:1] not in {bytes([kind]) for kind in Kind} or len(value) != 1 + KEY_BYTES:
        raise KeyRefused(f"the key {name} is not of a known kind: Ed25519 of a log (1) or a witness (4)")
    return name, bytes.fromhex(key_id), Kind(value[0]), value[1:]
