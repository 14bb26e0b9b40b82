"""Signed notes are written and read as C2SP's signed-note and tlog-cosignature define them, to the byte."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earwitness.archive.ledger.notes.checkpoint import Checkpoint
from earwitness.archive.ledger.notes.keys import (
    KeyRefused,
    Kind,
    SignerKey,
    VerifierKey,
    cosigned_at,
    verified,
)
from earwitness.archive.ledger.notes.signed_note import NoteRefused, Signature, SignedNote

# The example of C2SP's signed-note.
EXAMPLE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE = (
    "This is an example message.\n"
    "\n"
    "— example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()

# The example of Go's golang.org/x/mod/sumdb/note.
GO_SIGNER = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
)
GO_NOTE = GO_TEXT + (
    "\n"
    "— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)

LOG = SignerKey("log.example/7", Kind.LOG, b"l" * 32)
WITNESS = SignerKey("witness.example", Kind.WITNESS, b"w" * 32)
TEXT = "log.example/7\n1\n" + "A" * 43 + "=\n"


def test_the_published_examples_are_read_and_written_to_the_byte() -> None:
    note = SignedNote.read(EXAMPLE)
    key = VerifierKey.read(EXAMPLE_KEY)
    assert list(verified(note, [key])) == [key]
    assert (note.encode(), key.text) == (EXAMPLE, EXAMPLE_KEY)
    signer = SignerKey.read(GO_SIGNER)
    assert (signer.text, signer.verifier.text) == (GO_SIGNER, GO_VERIFIER)
    assert SignedNote(GO_TEXT, (signer.sign(GO_TEXT),)).encode() == GO_NOTE.encode()


def test_a_cosignature_states_its_time_and_signs_the_lines_of_the_standard() -> None:
    made = WITNESS.cosign(TEXT, 1679315147)
    assert cosigned_at(made) == 1679315147
    assert made.signature[:8] == (1679315147).to_bytes(8)
    signed = "cosignature/v1\ntime 1679315147\n" + TEXT
    as_log = SignerKey("witness.example", Kind.LOG, b"w" * 32).sign(signed)
    assert made.signature[8:] == as_log.signature
    assert WITNESS.verifier.verifies(TEXT, made)
    later = Signature(made.name, made.key_id, (1679315148).to_bytes(8) + made.signature[8:])
    assert not WITNESS.verifier.verifies(TEXT, later)


def test_signatures_of_unknown_keys_are_ignored_and_a_wrong_one_of_a_known_key_refuses_the_note() -> None:
    right, cosigned = LOG.sign(TEXT), WITNESS.cosign(TEXT, 7)
    unknown = Signature(LOG.name, b"none", b"x" * 64)
    note = SignedNote(TEXT, (unknown, cosigned, right))
    assert verified(note, [LOG.verifier]) == {LOG.verifier: right}
    assert set(verified(note, [LOG.verifier, WITNESS.verifier])) == {LOG.verifier, WITNESS.verifier}
    with pytest.raises(NoteRefused, match="no signature of a known key"):
        verified(SignedNote(TEXT, (unknown,)), [LOG.verifier])
    wrong = LOG.sign("another text\n")
    for signatures in [(right, wrong), (wrong, right), (wrong,), (cosigned, wrong)]:
        with pytest.raises(NoteRefused, match=r"the signature of log\.example/7 is wrong"):
            verified(SignedNote(TEXT, signatures), [LOG.verifier, WITNESS.verifier])


def test_a_key_of_one_kind_does_not_sign_or_verify_for_the_other() -> None:
    with pytest.raises(KeyRefused):
        LOG.cosign(TEXT, 7)
    with pytest.raises(KeyRefused):
        WITNESS.sign(TEXT)
    with pytest.raises(KeyRefused, match="is the key of a log, not of a witness"):
        VerifierKey.read(LOG.verifier.text, Kind.WITNESS)


def test_a_secret_is_not_shown() -> None:
    assert "llll" not in repr(LOG)
    with pytest.raises(KeyRefused) as refused:
        SignerKey.read(LOG.text.replace("log.example", "log.sample"))
    assert LOG.text.rpartition("+")[2] not in str(refused.value)


HOSTILE: dict[str, Callable[[str], str]] = {
    "no signature": lambda note: note.partition("\n\n")[0] + "\n",
    "an empty list of signatures": lambda note: note.partition("\n\n")[0] + "\n\n",
    "no newline at its end": lambda note: note[:-1],
    "a carriage return": lambda note: note.replace("\n", "\r\n"),
    "a tab in the text": lambda note: "\t" + note,
    "a hyphen for the dash": lambda note: note.replace("—", "-"),
    "two spaces": lambda note: note.replace("— ", "—  "),
    "a wide space in a name": lambda note: note.replace("— log", "— l\u3000og"),
    "a plus in a name": lambda note: note.replace("— log", "— l+og"),
    "no name": lambda note: note.replace("— log.example/7 ", "—  "),
    "base64 without its padding": lambda note: note.replace("=\n", "\n"),
    "base64 of URLs": lambda note: note[:-10] + "_" + note[-9:],
    "other bits in the last character": lambda note: note[:-3] + chr(ord(note[-3]) + 1) + note[-2:],
    "a newline in base64": lambda note: note[:-10] + "\n" + note[-10:],
    "a signature of four bytes": lambda note: note.rpartition(" ")[0] + " AAAAAA==\n",
    "too many signatures": lambda note: note + note.rpartition("\n\n")[2] * 64,
    "a note that is too large": lambda note: "x" * (256 << 10) + note,
    "a line after the signatures": lambda note: note + "more\n",
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE)
def test_a_malformed_note_is_refused(change: Callable[[str], str]) -> None:
    note = SignedNote(TEXT, (LOG.sign(TEXT),)).encode()
    assert verified(SignedNote.read(note), [LOG.verifier])
    with pytest.raises(NoteRefused):
        SignedNote.read(change(note.decode()).encode())


def test_a_note_that_is_no_utf_8_is_refused() -> None:
    with pytest.raises(NoteRefused):
        SignedNote.read(EXAMPLE.replace(b"example", b"ex\xffmple", 1))


@given(st.binary(max_size=300), st.integers(0, len(EXAMPLE)), st.integers(0, 60))
def test_any_bytes_are_read_or_refused_and_what_is_read_is_written_alike(
    new: bytes, start: int, cut: int
) -> None:
    content = EXAMPLE[:start] + new + EXAMPLE[start + cut :]
    try:
        note = SignedNote.read(content)
    except NoteRefused:
        return
    assert note.encode() == content


@given(st.text(max_size=90))
def test_any_text_is_a_key_or_refused(text: str) -> None:
    for whole in (text, f"PRIVATE+KEY+{text}", EXAMPLE_KEY[: len(text)] + text):
        for key in (VerifierKey, SignerKey):
            with suppress(KeyRefused):
                assert key.read(whole).text == whole


def test_a_note_keeps_more_than_sixteen_signatures() -> None:
    signers = [SignerKey(f"witness-{number}", Kind.WITNESS, bytes([number]) * 32) for number in range(40)]
    note = SignedNote(TEXT, ()).signed_also_by(*(one.cosign(TEXT, 1) for one in signers))
    keys = [one.verifier for one in signers]
    assert list(verified(SignedNote.read(note.encode()), keys)) == keys
    assert note.signed_also_by(signers[3].cosign(TEXT, 1)) == note


@pytest.mark.parametrize(
    "text",
    [
        "",
        "log.example\n1\n",
        f"log.example\n1\n{'A' * 43}=",
        f"\n1\n{'A' * 43}=\n",
        f"log.example\n01\n{'A' * 43}=\n",
        f"log.example\n-1\n{'A' * 43}=\n",
        f"log.example\n+1\n{'A' * 43}=\n",
        f"log.example\n١\n{'A' * 43}=\n",
        f"log.example\n9223372036854775808\n{'A' * 43}=\n",
        f"log.example\n{'9' * 4000}\n{'A' * 43}=\n",
        f"log.example\n1\n{'A' * 43}\n",
        f"log.example\n1\n{'A' * 42}B=\n",
        f"log.example\n1\n{'A' * 42}==\n",
        f"log.example\n1\n\n{'A' * 43}=\n",
        f"log.example\n1\n{'A' * 43}=\n\n",
        f"log.example\n1\n{'A' * 43}=\nmore\n",
    ],
)
def test_a_malformed_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteRefused):
        Checkpoint.read(text)


def test_a_checkpoint_is_three_lines_and_those_of_other_logs_may_have_more() -> None:
    ours = Checkpoint("log.example/7", 20852163, bytes(range(32)))
    assert ours.text == "log.example/7\n20852163\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    assert Checkpoint.read(ours.text) == ours
    other = ours.text + "an extension\n"
    assert Checkpoint.read(other, with_extensions=True).text == other
