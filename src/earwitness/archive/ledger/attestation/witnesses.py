"""Asks witnesses to cosign a checkpoint of ours (C2SP's tlog-witness), all at once.

A witness that does not answer, or does not cosign, fails nothing else: each has an outcome of its own.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from earwitness.archive.ledger.attestation.configured import Witness
from earwitness.archive.ledger.attestation.posting import Answer, PostFailed, post
from earwitness.archive.ledger.notes.add_checkpoint import PATH, SIZE_TYPE, AddCheckpoint
from earwitness.archive.ledger.notes.checkpoint import Checkpoint, read_size
from earwitness.archive.ledger.notes.keys import cosigned_at, verified
from earwitness.archive.ledger.notes.signed_note import NoteRefused, Signature, SignedNote, read_signatures

Proof = Callable[[int], Sequence[bytes]]
"""Gives the consistency proof from an older size to that of the checkpoint. It is called in this thread."""

_TRIES = 3
"""Another server of the archive may be asking at the same time, and the size that is named grow meanwhile."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a witness answered: its cosignature, which was verified, or why there is none.

    `size` is that of its latest checkpoint of this log, as far as it is known.
    """

    witness: Witness
    cosignature: Signature | None
    trouble: str = ""
    size: int | None = None
    is_silent: bool = False
    """Whether it gave no answer at all: it would give none about another ledger either."""


class _NotCosigned(Exception):
    def __init__(self, trouble: str, size: int | None = None) -> None:
        super().__init__(trouble)
        self.size = size


def cosign(
    witnesses: Sequence[Witness],
    note: SignedNote,
    proof: Proof,
    known_sizes: Mapping[str, int] | None = None,
    seconds: float = 20,
) -> list[Outcome]:
    """Ask each witness to cosign the note of a checkpoint, in `seconds` at most.

    `known_sizes` has the size that a witness cosigned last, by the text of its key. A witness that has
    another size, or is not in it, names its size and is asked again. The outcomes are in the order of
    `witnesses`.
    """
    sizes = known_sizes or {}

    async def ask_all() -> list[Outcome]:
        asked = (_outcome(one, note, proof, sizes.get(one.key.text, 0), seconds) for one in witnesses)
        return list(await asyncio.gather(*asked))

    return asyncio.run(ask_all())


async def _outcome(
    witness: Witness, note: SignedNote, proof: Proof, old_size: int, seconds: float
) -> Outcome:
    size = Checkpoint.read(note.text).size
    try:
        async with asyncio.timeout(seconds):
            made = await _ask(witness, note, proof, min(old_size, size), seconds)
    except TimeoutError:
        outcome = Outcome(witness, None, f"no answer within {seconds:g} seconds", is_silent=True)
    except PostFailed as error:
        outcome = Outcome(witness, None, str(error), is_silent=True)
    except _NotCosigned as error:
        outcome = Outcome(witness, None, str(error), error.size)
    else:
        outcome = Outcome(witness, made, size=size)
    return outcome


async def _ask(witness: Witness, note: SignedNote, proof: Proof, old_size: int, seconds: float) -> Signature:
    size = Checkpoint.read(note.text).size
    for _ in range(_TRIES):
        body = AddCheckpoint(old_size, proof(old_size), note).encode()
        answer = await post(witness.url + PATH, body, "text/plain; charset=utf-8", seconds)
        if answer.status == 200:
            return _verified(witness, note, answer)
        if answer.status != 409 or answer.content_type != SIZE_TYPE:
            raise _NotCosigned(_refusal(answer))
        old_size = _size(answer)
        if old_size > size:
            raise _NotCosigned(
                f"it has cosigned {old_size} actions, and this ledger has {size}: an older copy of the "
                "archive was restored, or another server has more",
                old_size,
            )
    raise _NotCosigned("it names another size each time", old_size)


def _verified(witness: Witness, note: SignedNote, answer: Answer) -> Signature:
    """The cosignature of an answer. Others in it are ignored."""
    try:
        lines = read_signatures(answer.body.decode())
        made = verified(SignedNote(note.text, lines), [witness.key])[witness.key]
    except (NoteRefused, UnicodeDecodeError) as error:
        reason = str(error) if isinstance(error, NoteRefused) else "it is not UTF-8"
        raise _NotCosigned(f"its answer is no cosignature of its key: {reason}") from None
    if cosigned_at(made) == 0:
        raise _NotCosigned("its cosignature states no time")
    return made


def _size(answer: Answer) -> int:
    try:
        text = answer.body.decode("ascii")
        return read_size(text.removesuffix("\n"))
    except (NoteRefused, UnicodeDecodeError):
        raise _NotCosigned("it answered 409 without a size") from None


_MEANINGS = {
    403: "it does not know the key of this ledger",
    404: "it does not list this ledger",
    422: "this ledger does not go on from what the witness has cosigned: it was changed, or has forked",
}


def _refusal(answer: Answer) -> str:
    meaning = _MEANINGS.get(answer.status)
    return f"it answered {answer.status}" + (f": {meaning}" if meaning else "")
