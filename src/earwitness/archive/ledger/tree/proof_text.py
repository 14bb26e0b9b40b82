"""A proof as text that can be kept and checked without the log: C2SP's tlog-proof."""

import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from earwitness.archive.ledger.tree.hashing import HASH_BYTES

_FIRST_LINE = "c2sp.org/tlog-proof@v1"
_MOST_HASHES = 63
_MOST_DIGITS = 19


@dataclass(frozen=True, slots=True)
class TlogProof:
    """`checkpoint` is the signed note as it is, with its last line break. Nothing protects `extra`."""

    index: int
    path: Sequence[bytes]
    checkpoint: str
    extra: bytes | None = None


def write_proof(proof: TlogProof) -> str:
    lines = [_FIRST_LINE]
    if proof.extra is not None:
        lines.append(f"extra {_base64(proof.extra)}")
    lines.append(f"index {proof.index}")
    lines += map(_base64, proof.path)
    return "\n".join(lines) + "\n\n" + proof.checkpoint


def read_proof(text: str) -> TlogProof:
    """Raises ValueError, with what is wrong, unless the text is written as `write_proof` writes it.

    Neither the checkpoint nor the proof is verified.
    """
    head, separator, checkpoint = text.partition("\n\n")
    first, *lines = head.split("\n")
    if first != _FIRST_LINE or not separator:
        raise ValueError(
            f"A proof begins with the line {_FIRST_LINE}, and has an empty line before its checkpoint."
        )
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = _from_base64(lines.pop(0).removeprefix("extra "))
    if not lines or not re.fullmatch(r"index (?:0|[1-9][0-9]*)", lines[0], re.ASCII):
        raise ValueError("The line with the index is missing.")
    digits = lines[0].removeprefix("index ")
    if len(digits) > _MOST_DIGITS or len(lines) > _MOST_HASHES + 1:
        raise ValueError("The proof is longer than that of any tree.")
    path = [_from_base64(line) for line in lines[1:]]
    if any(len(one) != HASH_BYTES for one in path):
        raise ValueError(f"A hash has {HASH_BYTES} bytes.")
    return TlogProof(int(digits), path, checkpoint, extra)


def _base64(data: bytes) -> str:
    return b64encode(data).decode()


def _from_base64(text: str) -> bytes:
    """Strict: one text for each value, so that two readers cannot differ."""
    try:
        data = b64decode(text, validate=True)
    except ValueError:
        data = None
    if data is None or _base64(data) != text:
        raise ValueError("A line is not base64.")
    return data
