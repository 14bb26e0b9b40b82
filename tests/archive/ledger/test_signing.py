"""The ledgers of all accounts are signed by one key, each under a name of its own."""

import pytest

from earwitness.archive.ledger.notes.checkpoint import Checkpoint
from earwitness.archive.ledger.notes.keys import verified
from earwitness.archive.ledger.notes.signed_note import NoteRefused, SignedNote
from earwitness.archive.ledger.signing import new_origin, signed_checkpoint, signer_of
from earwitness.kernel.settings import Settings

KEY = b"k" * 32


def test_the_name_of_a_ledger_is_the_origin_of_the_settings_and_the_accounts_id() -> None:
    assert new_origin(Settings(), "0b6c") == "earwitness.invalid/0b6c"
    assert (
        new_origin(Settings(ledger_origin="archive.example.com/log"), "0b6c")
        == "archive.example.com/log/0b6c"
    )


def test_a_checkpoint_is_verified_by_the_key_of_its_ledger_and_of_no_other() -> None:
    first, second = signer_of("archive.example.com/1", KEY), signer_of("archive.example.com/2", KEY)
    note = SignedNote.read(signed_checkpoint(first, 7, b"r" * 32).encode())
    assert Checkpoint.read(note.text) == Checkpoint("archive.example.com/1", 7, b"r" * 32)
    assert list(verified(note, [first.verifier, second.verifier])) == [first.verifier]
    with pytest.raises(NoteRefused):
        verified(note, [second.verifier])
