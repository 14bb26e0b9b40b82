"""Digests that stand in the ledger for values which must not: docs/ledger-format.md describes them.

Each has a secret salt beside the value. Who has both can show what the digest stands for; when the salt is
erased, the digest stays valid and says nothing, though there may be few values that it could stand for.
"""

import hmac
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Literal, get_args

import msgspec
import rfc8785

from earwitness.archive.ledger.tree.hashing import HASH_BYTES

SALT_BYTES = 16
"""Of a commitment. Each value has a salt of its own, so that showing one value shows nothing about others."""

SUBJECT_SALT_BYTES = 32
"""Of all parts of one recording, or of another thing whose changes have digests."""

Part = Literal[
    "source",
    "participants",
    "media",
    "transcript",
    "message",
    "tags",
    "comments",
    "privacy",
    "retention",
    "holds",
    "playlists",
]
PARTS: tuple[Part, ...] = get_args(Part)
"""The parts of a recording, in the order in which its digest has them. A new part is added at the end."""

_RECORD_PREFIX = b"earwitness-record-v1\n"
_ABSENT = bytes(HASH_BYTES)
_ID_BYTES = 8
_LARGEST = 2**53 - 1
_SMALLEST_PLAIN, _LARGEST_PLAIN = 1e-3, 1e15
"""Fractions between these are written without an exponent by everybody."""

_ENCODER = msgspec.json.Encoder(order="sorted")


def canonical(value: object) -> bytes:
    """The RFC 8785 form of JSON. Integers beyond ±(2^53 − 1) become texts of digits, as its appendix D
    advises.

    What has no unusual numbers and names is written by msgspec, in a twentieth of the time. Raises ValueError
    if the value is no JSON, such as NaN or half of a surrogate pair.
    """
    try:
        plain = _plain(value)
    except _Unusual:
        return rfc8785.dumps(_with_large_integers_as_text(value))  # type: ignore[arg-type] # checks it itself
    return _ENCODER.encode(plain)


def commitment(salt: bytes, value: bytes) -> bytes:
    """SHA-256(salt ‖ value). A text is committed to as UTF-8, other JSON in its canonical form."""
    _check_salt(salt, SALT_BYTES)
    return sha256(salt + value).digest()


def part_salt(subject_salt: bytes, part: str) -> bytes:
    """The salt of one part: HMAC-SHA-256(subject's salt, name of the part).

    Who is shown one part, with its salt, can guess at no other: privacy has but two values.
    """
    _check_salt(subject_salt, SUBJECT_SALT_BYTES)
    return hmac.digest(subject_salt, part.encode(), "sha256")


def part_digest(subject_salt: bytes, part: str, value: object) -> bytes:
    """SHA-256(the part's salt ‖ RFC 8785 form of its value)."""
    return sha256(part_salt(subject_salt, part) + canonical(value)).digest()


def comment_part(comment_id: int) -> str:
    """The name of one comment as a part of its recording."""
    return f"comment/{comment_id}"


def comments_digest(digests: Mapping[int, bytes]) -> bytes | None:
    """The digest of the part `comments`, out of that of each comment by its id; None if there is none."""
    if not digests:
        return None
    by_id = sorted(digests.items())
    return sha256(
        b"".join(id_.to_bytes(_ID_BYTES, "big") + _checked(digest) for id_, digest in by_id)
    ).digest()


def record_digest(digests: Mapping[Part, bytes | None]) -> bytes:
    """The digest of a recording out of those of its parts; one that it does not have is 32 zero bytes."""
    parts: Sequence[bytes | None] = [digests.get(part) for part in PARTS]
    return record_digest_of(b"".join(_checked(one or _ABSENT) for one in parts))


def record_digest_of(packed: bytes) -> bytes:
    """The same out of the digests of all parts in their order, one after the other."""
    if len(packed) != len(PARTS) * HASH_BYTES:
        raise ValueError(f"{len(PARTS)} digests have {len(PARTS) * HASH_BYTES} bytes, not {len(packed)}.")
    return sha256(_RECORD_PREFIX + packed).digest()


class _Unusual(Exception):
    """A value has what msgspec may write otherwise than RFC 8785."""


def _plain(value: object) -> object:
    """The same value, with whole numbers as integers. Raises _Unusual."""
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return value
    if kind is int:
        if -_LARGEST <= value <= _LARGEST:  # type: ignore[operator]
            return value
    elif kind is float:
        if value.is_integer() and abs(value) <= _LARGEST:  # type: ignore[attr-defined, arg-type]
            return int(value)  # type: ignore[call-overload]
        if _SMALLEST_PLAIN <= abs(value) < _LARGEST_PLAIN:  # type: ignore[arg-type]
            return value
    elif kind is list:
        return [_plain(one) for one in value]  # type: ignore[attr-defined]
    elif kind is dict and all(type(key) is str and key.isascii() for key in value):  # type: ignore[attr-defined]
        return {key: _plain(one) for key, one in value.items()}  # type: ignore[attr-defined]
    raise _Unusual


def _with_large_integers_as_text(value: object) -> object:
    match value:
        case bool():
            return value
        case int() if abs(value) >= 2**53:
            return str(value)
        case list() | tuple():
            return [_with_large_integers_as_text(one) for one in value]
        case dict():
            return {key: _with_large_integers_as_text(one) for key, one in value.items()}
        case _:
            return value


def _check_salt(salt: bytes, length_bytes: int) -> None:
    # Without a fixed length, the end of a salt could be read as the beginning of a value.
    if len(salt) != length_bytes:
        raise ValueError(f"A salt has {length_bytes} bytes here, not {len(salt)}.")


def _checked(digest: bytes) -> bytes:
    if len(digest) != HASH_BYTES:
        raise ValueError(f"A digest has {HASH_BYTES} bytes, not {len(digest)}.")
    return digest
