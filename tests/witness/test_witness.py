"""A witness cosigns what goes on from its latest checkpoint, and never two roots of one size."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from earwitness.archive.ledger.notes.add_checkpoint import AddCheckpoint
from earwitness.archive.ledger.notes.checkpoint import Checkpoint
from earwitness.archive.ledger.notes.keys import Kind, SignerKey, cosigned_at, verified
from earwitness.archive.ledger.notes.signed_note import Signature, SignedNote
from earwitness.archive.ledger.tree.hashing import EMPTY_ROOT
from earwitness.witness.refused import OtherSize, Refused
from earwitness.witness.witness import STATE_FILE, Witness, WitnessUnusable
from tests.witness.plain_log import PlainLog

LOG = PlainLog()
FORK = PlainLog(fork_at=3)
OTHER = SignerKey(LOG.key.name, Kind.LOG, b"o" * 32)


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    """A witness that lists the log."""
    made = Witness.create(tmp_path / "witness", "audit.example/w1")
    made.state.add_key(LOG.key.verifier)
    return made


def status(witness: Witness, body: bytes) -> int:
    try:
        witness.add_checkpoint(body)
    except Refused as error:
        return error.status
    return 200


def body(older_size: int, note: SignedNote, *proof: bytes) -> bytes:
    return AddCheckpoint(older_size, proof, note).encode()


def note(size: int, root: bytes, signer: SignerKey = LOG.key, *extensions: str) -> SignedNote:
    text = Checkpoint(LOG.key.name, size, root, extensions).text
    return SignedNote(text, (signer.sign(text),))


def test_a_log_that_grows_is_cosigned_at_every_size(witness: Witness) -> None:
    sizes = [0, 0, 1, 2, 3, 3, 7, 8, 9, 64, 65, 150]
    for older_size, size in pairwise(sizes):
        made = witness.add_checkpoint(LOG.request(older_size, size))
        assert witness.key.verifier.verifies(LOG.note(size).text, made)
        assert cosigned_at(made) > 0


def test_the_latest_checkpoint_is_kept_with_both_signatures_alone(witness: Witness) -> None:
    asked = LOG.note(5).signed_also_by(Signature("somebody.example", b"1234", b"anything"))
    made = witness.add_checkpoint(body(0, asked))
    kept = SignedNote.read(witness.state.latest(LOG.key.name).note)
    assert kept == LOG.note(5).signed_also_by(made)
    assert len(verified(kept, [LOG.key.verifier, witness.key.verifier])) == 2


def test_another_size_is_answered_with_the_latest_one(witness: Witness) -> None:
    for older_size, size in [(1, 2), (4, 4)]:
        with pytest.raises(OtherSize) as refused:
            witness.add_checkpoint(LOG.request(older_size, size))
        assert (refused.value.status, refused.value.body) == (409, "0\n")
        assert refused.value.content_type == "text/x.tlog.size"
    witness.add_checkpoint(LOG.request(0, 6))
    for older_size, size in [(0, 6), (0, 9), (4, 5), (5, 9)]:
        with pytest.raises(OtherSize) as refused:
            witness.add_checkpoint(LOG.request(older_size, size))
        assert refused.value.body == "6\n"


def test_a_fork_is_not_cosigned_and_its_proof_is_kept(
    witness: Witness, caplog: pytest.LogCaptureFixture
) -> None:
    witness.add_checkpoint(LOG.request(0, 5))
    assert status(witness, FORK.request(5, 9)) == 422
    assert witness.state.forks() == []  # a wrong proof can come from anybody
    with caplog.at_level(logging.ERROR):
        for _ in range(2):
            assert status(witness, FORK.request(5, 5)) == 422
    assert "it has forked" in caplog.text
    [fork] = witness.state.forks()
    assert (fork.origin, fork.size, fork.note) == (LOG.key.name, 5, FORK.note(5).encode())
    assert status(witness, LOG.request(5, 9)) == 200


REFUSED: dict[str, tuple[int, bytes]] = {
    "an unknown log": (404, PlainLog("another.example").request(0, 5)),
    "another key of the same name": (403, body(0, note(5, b"r" * 32, OTHER))),
    "no signature of the log": (403, body(0, SignedNote(LOG.note(5).text, (Signature("x", b"1234", b"x"),)))),
    "a right and a wrong signature": (403, body(0, LOG.note(5).signed_also_by(LOG.key.sign("another\n")))),
    "an old size above the new one": (400, body(6, LOG.note(5))),
    "an old size above, unlisted": (404, body(6, PlainLog("another.example").note(5))),
    "an old size above, wrongly signed": (403, body(6, note(5, b"r" * 32, OTHER))),
    "an empty tree with another root": (422, body(0, note(0, b"r" * 32))),
    "a proof where none is needed": (422, body(0, LOG.note(5), b"h" * 32)),
    "a proof for an empty tree": (422, body(0, note(0, EMPTY_ROOT), b"h" * 32)),
}


@pytest.mark.parametrize(("expected", "request_"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_has_the_status_of_the_standard_and_changes_nothing(
    witness: Witness, expected: int, request_: bytes
) -> None:
    assert status(witness, request_) == expected
    assert witness.state.latest(LOG.key.name).size == 0
    assert status(witness, LOG.request(0, 5)) == 200


RIGHT = LOG.request(3, 5).decode()
SAME = LOG.request(5, 5)
MALFORMED: dict[str, Callable[[str], str]] = {
    "nothing": lambda right: "",
    "no old size": lambda right: right.partition("\n")[2],
    "a negative old size": lambda right: right.replace("old 3", "old -3"),
    "a leading zero": lambda right: right.replace("old 3", "old 03"),
    "digits of another script": lambda right: right.replace("old 3", "old ٣"),
    "a size beyond 63 bits": lambda right: right.replace("old 3", "old 9223372036854775808"),
    "thousands of digits": lambda right: right.replace("old 3", "old " + "3" * 5000),
    "no space": lambda right: right.replace("old 3", "old3"),
    "a carriage return": lambda right: right.replace("old 3", "old 3\r"),
    "a short hash": lambda right: right.replace("old 3\n", "old 3\nAAAA\n"),
    "a hash that is no base64": lambda right: right.replace("old 3\n", f"old 3\n{'!' * 44}\n"),
    "a long line": lambda right: right.replace("old 3\n", f"old 3\n{'A' * 100_000}\n"),
    "64 hashes": lambda right: right.replace("old 3\n", "old 3\n" + f"{'A' * 43}=\n" * 64),
    "no empty line": lambda right: right.replace("\n\n", "\n", 1),
    "two empty lines": lambda right: right.replace("\n\n", "\n\n\n", 1),
    "no note": lambda right: right.partition("\n\n")[0] + "\n\n",
    "no signature": lambda right: right.rpartition("\n\n")[0] + "\n\n",
    "no last newline": lambda right: right[:-1],
    "a size that is no number": lambda right: right.replace("\n5\n", "\nfive\n"),
    "a root of 31 bytes": lambda right: right.replace("\n5\n", "\n5\n" + "A" * 40 + "AA==\n"),
}


@pytest.mark.parametrize("change", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_request_is_400(witness: Witness, change: Callable[[str], str]) -> None:
    witness.add_checkpoint(LOG.request(0, 3))
    assert status(witness, change(RIGHT).encode()) == 400
    assert status(witness, RIGHT.encode()) == 200


def test_a_wrong_proof_is_422(witness: Witness) -> None:
    witness.add_checkpoint(LOG.request(0, 3))
    right = LOG.proof(3, 9)
    wrong = [
        [],
        right[:-1],
        right[1:],
        right[::-1],
        [*right, right[0]],
        [b"h" * 32] * 63,
        LOG.proof(2, 9),
        FORK.proof(3, 9)[:-1],
    ]
    for hashes in wrong:
        assert status(witness, body(3, LOG.note(9), *hashes)) == 422
    assert status(witness, body(3, LOG.note(9), *right)) == 200


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=80), st.integers(0, len(SAME)), st.integers(0, 40))
def test_any_bytes_are_refused_or_cosigned_as_what_they_are(
    witness: Witness, new: bytes, start: int, cut: int
) -> None:
    if not witness.state.latest(LOG.key.name).size:
        witness.add_checkpoint(LOG.request(0, 5))
    changed = SAME[:start] + new + SAME[start + cut :]
    if status(witness, changed) == 200:
        kept = SignedNote.read(witness.state.latest(LOG.key.name).note)
        verified(kept, [LOG.key.verifier])


def test_extension_lines_of_other_logs_are_cosigned_with_the_rest(witness: Witness) -> None:
    extended = note(0, EMPTY_ROOT, LOG.key, "an extension")
    made = witness.add_checkpoint(body(0, extended))
    assert witness.key.verifier.verifies(extended.text, made)


def test_each_of_two_keys_of_a_log_is_trusted_until_it_is_removed(witness: Witness) -> None:
    witness.state.add_key(OTHER.verifier)
    text = LOG.note(4).text
    assert status(witness, body(0, SignedNote(text, (OTHER.sign(text),)))) == 200
    witness.state.remove_key(LOG.key.verifier)
    assert status(witness, LOG.request(4, 4)) == 403
    witness.state.remove_key(OTHER.verifier)
    assert status(witness, LOG.request(4, 4)) == 404
    witness.state.add_key(LOG.key.verifier)
    assert status(witness, LOG.request(0, 2)) == 409  # what was cosigned is still known


def test_of_forks_that_arrive_at_once_one_is_cosigned(witness: Witness) -> None:
    """Each thread goes on from what the witness says that it has, as the logs of both forks would."""
    cosigned: list[tuple[int, bytes]] = []

    def grow(log: PlainLog) -> None:
        for size in range(1, 20):
            try:
                witness.add_checkpoint(log.request(0, size))
            except OtherSize as other:
                if other.size <= size and status(witness, log.request(other.size, size)) == 200:
                    cosigned.append((size, Checkpoint.read(log.note(size).text).root))
            else:
                cosigned.append((size, Checkpoint.read(log.note(size).text).root))

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(grow, [LOG, FORK] * 3))
    roots = dict(cosigned)
    assert all(roots[size] == root for size, root in cosigned)
    assert max(roots) == 19


def test_a_witness_without_its_state_or_key_does_not_go_on(witness: Witness, tmp_path: Path) -> None:
    folder = tmp_path / "witness"
    witness.add_checkpoint(LOG.request(0, 5))
    again = Witness.create(folder, "another name")
    assert (again.key, again.state.latest(LOG.key.name).size) == (witness.key, 5)
    (folder / STATE_FILE).rename(tmp_path / "moved")
    with pytest.raises(WitnessUnusable, match="make a new witness in another folder"):
        Witness.open(folder)
    with pytest.raises(WitnessUnusable, match="make a new witness in another folder"):
        Witness.create(folder, "audit.example/w1")
    (folder / STATE_FILE).write_bytes(b"no database" * 100)
    with pytest.raises(WitnessUnusable, match="cannot be read"):
        Witness.open(folder)
