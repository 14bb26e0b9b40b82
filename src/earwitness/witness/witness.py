"""A witness: it cosigns a checkpoint of a listed log if that goes on from the last one that it cosigned.

    witness.key   0600   its signer key
    witness.db    0600   its logs, and what it cosigned of each

So a log cannot show different histories to different readers, nor start again from a restored backup, without
being found out: there is at most one cosigned root of each size. That holds as long as `witness.db` is never
replaced by an older copy.
"""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from earwitness.archive.ledger.notes.add_checkpoint import AddCheckpoint
from earwitness.archive.ledger.notes.checkpoint import Checkpoint
from earwitness.archive.ledger.notes.keys import KeyRefused, Kind, SignerKey, verified
from earwitness.archive.ledger.notes.signed_note import NoteRefused, Signature, SignedNote
from earwitness.archive.ledger.tree.verification import ProofRefused, verify_consistency
from earwitness.media.stores.durable import make_folder, write_file
from earwitness.witness.refused import Inconsistent, Malformed, NotSigned, OtherSize, UnknownLog
from earwitness.witness.state import Fork, Latest, State, StateUnusable

log = logging.getLogger(__name__)

KEY_FILE = "witness.key"
STATE_FILE = "witness.db"


class WitnessUnusable(Exception):
    """The folder has no key or no state of a witness. Its message says what to do."""


class Witness:
    def __init__(self, key: SignerKey, state: State, clock: Callable[[], float] = time.time) -> None:
        self.key = key
        self.state = state
        self._clock = clock

    @classmethod
    def create(cls, folder: Path, name: str) -> Self:
        """Make a witness with a new key, unless the folder has one. Raises KeyRefused and WitnessUnusable."""
        if not (folder / KEY_FILE).exists():
            key = SignerKey.generate(name, Kind.WITNESS)
            make_folder(folder)
            # The key comes last: a key without a state would have cosigned what nobody knows any more.
            State.create(folder / STATE_FILE)
            write_file(folder / KEY_FILE, key.text.encode() + b"\n")
        return cls.open(folder)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Raises WitnessUnusable."""
        try:
            key = SignerKey.read((folder / KEY_FILE).read_text("utf-8").strip())
        except FileNotFoundError:
            raise WitnessUnusable(
                f"{folder} is no folder of a witness: run `earwitness witness key --name NAME`"
            ) from None
        except (KeyRefused, UnicodeDecodeError):
            raise WitnessUnusable(f"{folder / KEY_FILE} is damaged: bring it back from its backup") from None
        if key.kind is not Kind.WITNESS:
            raise WitnessUnusable(f"{folder / KEY_FILE} is not the key of a witness")
        try:
            return cls(key, State(folder / STATE_FILE))
        except StateUnusable as error:
            raise WitnessUnusable(
                f"{error}. Without it the witness does not know what it has cosigned: do not bring back an "
                "older copy, but make a new witness in another folder, and give the logs its key"
            ) from None

    def add_checkpoint(self, body: bytes) -> Signature:
        """Cosign the checkpoint of a request. Raises Refused; what is raised by SQLite cosigned nothing."""
        try:
            asked = AddCheckpoint.read(body)
            new = asked.checkpoint()
        except NoteRefused as error:
            raise Malformed(f"The request is malformed: {error}.") from None
        origin = new.origin
        keys = self.state.keys(origin)
        if not keys:
            raise UnknownLog("This witness does not list the log.")
        try:
            signed = SignedNote(asked.note.text, tuple(verified(asked.note, keys).values()))
        except NoteRefused as error:
            raise NotSigned(f"The checkpoint is refused: {error}.") from None
        if asked.old_size > new.size:
            raise Malformed("The old size is larger than that of the checkpoint.")
        try:
            made = self._cosign(asked, new, signed)
        except Inconsistent as error:
            self._tell_of(new, signed, error)
            raise
        log.info("cosigned", extra={"fields": {"origin": origin, "size": new.size}})
        return made

    def _cosign(self, asked: AddCheckpoint, new: Checkpoint, signed: SignedNote) -> Signature:
        with self.state.changing(new.origin) as changing:
            latest = changing.latest
            if asked.old_size != latest.size:
                raise OtherSize(latest.size)
            try:
                verify_consistency(latest.size, latest.root, new.size, new.root, asked.proof)
            except ProofRefused as error:
                raise Inconsistent(f"The checkpoint does not go on from the latest one. {error}") from None
            # The time is taken here, where no larger size can be cosigned: it says that this is the largest.
            at = int(self._clock())
            made = self.key.cosign(signed.text, at)
            changing.replace(Latest(new.size, new.root, signed.signed_also_by(made).encode(), at))
        return made

    def _tell_of(self, new: Checkpoint, signed: SignedNote, error: Inconsistent) -> None:
        """Keep what proves by itself that the log has forked: its signature on another root of the same size.

        A proof that is wrong shows nothing about the log: anybody can send one.
        """
        fields = {"origin": new.origin, "size": new.size}
        cosigned = self.state.latest(new.origin)
        if cosigned.size == new.size and cosigned.root != new.root:
            self.state.add_fork(Fork(new.origin, new.size, new.root, signed.encode(), int(self._clock())))
            log.error("the log has signed two roots of one size: it has forked", extra={"fields": fields})
        else:
            log.warning("not cosigned: %s", error, extra={"fields": fields})
