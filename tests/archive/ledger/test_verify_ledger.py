"""The offline verifier, run as a regulator would: with Python alone, on a folder, with nothing installed."""

import ast
import json
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.archive.ledger import verify_ledger
from tests.archive.ledger.kept_log import COSIGNER, LOG, KeptLog, Signer, write

SIZE = 1_000
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
Tamper = Callable[[Path], None]


@cache
def log() -> KeptLog:
    return KeptLog(SIZE)


@cache
def rewritten() -> KeptLog:
    """The same log after somebody changed what one of its actions was."""
    return KeptLog(SIZE, changed=17)


def verify(folder: Path) -> tuple[int, str]:
    # Isolated, without site-packages, and with no variables: only the file itself is used.
    run = subprocess.run(
        [sys.executable, "-I", "-S", verify_ledger.__file__, str(folder)], capture_output=True, env={}
    )
    assert run.stderr == b""
    return run.returncode, run.stdout.decode()


def full_copy(folder: Path) -> Path:
    log().copy_to(folder)
    write(folder / "key.txt", f"{LOG.verifier_key}\n{COSIGNER.verifier_key}\n")
    write(folder / "checkpoint.txt", log().checkpoint(signers=[LOG, COSIGNER]))
    for size in (0, 1, 255, 256, 600, 768, 999):
        write(folder / f"older/{size}.txt", log().checkpoint(size))
    write(folder / "proofs/page.json", [log().answer(0), log().answer(999), log().answer(17, 600)])
    return folder


def test_a_true_copy_holds_and_says_so_in_words(tmp_path: Path) -> None:
    status, said = verify(full_copy(tmp_path))
    assert (status, {line.split()[0] for line in said.splitlines()}) == (0, {"HOLDS"})
    for words in (
        "checkpoint.txt: 1000 actions, signed by archive.example.com/5a7c0f1e,"
        " the witness witness.example.com at 2026-11-30 12:00:00 UTC",
        "older/600.txt: 600 actions, signed by archive.example.com/5a7c0f1e, not by witness.example.com; ",
        "proofs/page.json, action 18: 2026-11-30 12:00:00 UTC: Change a recording (PATCH /client/recording)",
        "row 1: Recording 52, 200",
        "user = 'user17'; after.tags = '[\"Späť\"]'",
    ):
        assert words in said


def test_a_checkpoint_alone_can_be_checked(tmp_path: Path) -> None:
    status, said = verify(log().copy_to(tmp_path, tiles=False))
    assert (status, len(said.splitlines())) == (0, 1)


def test_a_log_of_three_levels_of_tiles_holds(tmp_path: Path) -> None:
    large = KeptLog(65_536 + 300)
    large.copy_to(tmp_path)
    for size in (65_535, 65_536, 65_537):
        write(tmp_path / f"older/{size}.txt", large.checkpoint(size))
    write(tmp_path / "proofs/page.json", [large.answer(40_000)])
    status, said = verify(tmp_path)
    assert (status, said.count("HOLDS")) == (0, 6)


def answer(folder: Path) -> Any:
    return json.loads((folder / "proofs/page.json").read_bytes())


def changed_answer(change: Callable[[dict[str, Any]], object]) -> Tamper:
    def tamper(folder: Path) -> None:
        page = answer(folder)
        change(page[0])
        write(folder / "proofs/page.json", page)

    return tamper


def replaced(file: str, old: str, new: str) -> Tamper:
    def tamper(folder: Path) -> None:
        text = (folder / file).read_bytes().decode()
        assert old in text
        write(folder / file, text.replace(old, new, 1))

    return tamper


def written(file: str, content: Callable[[], str | bytes]) -> Tamper:
    return lambda folder: write(folder / file, content())


def flipped(file: str, at: int) -> Tamper:
    def tamper(folder: Path) -> None:
        data = bytearray((folder / file).read_bytes())
        data[at] ^= 1
        write(folder / file, bytes(data))

    return tamper


def in_base64(old: bytes, new: bytes) -> Callable[[str], str]:
    def change(text: str) -> str:
        data = b64decode(text)
        assert old in data
        return b64encode(data.replace(old, new)).decode()

    return change


def changed_leaf(one: dict[str, Any]) -> None:
    one["leaf"] = in_base64(b"Change a", b"Look at a")(one["leaf"])


def changed_row(one: dict[str, Any]) -> None:
    one["rows"][1]["row"] = in_base64(b'"code":200', b'"code":404')(one["rows"][1]["row"])


def moved_row(one: dict[str, Any]) -> None:
    one["rows"][1]["index"] = 2


def row_beyond(one: dict[str, Any]) -> None:
    one["rows"][1]["index"] = 3


def other_name(one: dict[str, Any]) -> None:
    one["openings"][0]["value"] = "user1"


def other_tags(one: dict[str, Any]) -> None:
    one["openings"][1]["value"] = "[]"


def other_salt(one: dict[str, Any]) -> None:
    one["openings"][0]["salt"] = bytes(16).hex()


def extra_hash(one: dict[str, Any]) -> None:
    one["proof"] = one["proof"].replace("\n\n", f"\n{b64encode(bytes(32)).decode()}\n\n", 1)


def fewer_hashes(one: dict[str, Any]) -> None:
    head, note = one["proof"].split("\n\n", 1)
    one["proof"] = f"{head.rsplit(chr(10), 1)[0]}\n\n{note}"


def negative_index(one: dict[str, Any]) -> None:
    one["proof"] = one["proof"].replace("index 0", "index -1")


def of_rewritten_log(folder: Path) -> None:
    write(folder / "proofs/page.json", [rewritten().answer(17, 600)])


def forged_part_of_a_full_tile(folder: Path) -> None:
    """What an older checkpoint needs of a tile, as a rewritten log has it, instead of the whole tile."""
    write(folder / "older/600.txt", KeptLog(600, changed=590).checkpoint())
    (folder / "tile/0/002").unlink()
    forged = KeptLog(600, changed=590).tiles.longest[0, 2]
    write(folder / "tile/0/002.p/88", forged)


OTHER_KEY = Signer(LOG.name, 1, Ed25519PrivateKey.from_private_bytes(b"k" * 32))


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (replaced("checkpoint.txt", "\n1000\n", "\n1001\n"), "FAILS    checkpoint.txt: the signature of"),
        (replaced("checkpoint.txt", "\n\n", "\nmore\n\n"), "FAILS    checkpoint.txt"),
        (written("checkpoint.txt", lambda: log().checkpoint(signers=[OTHER_KEY])), "no checkpoint signed by"),
        (written("checkpoint.txt", lambda: log().checkpoint(signers=[COSIGNER])), "no checkpoint signed by"),
        (written("checkpoint.txt", lambda: ""), "FAILS    checkpoint.txt: it cannot be read"),
        (written("checkpoint.txt", lambda: rewritten().checkpoint()), "older/600.txt: the tiles are of"),
        (replaced("key.txt", "+A", "+B"), "FAILS    checkpoint.txt: this is no verifier key"),
        (written("key.txt", lambda: OTHER_KEY.verifier_key), "no checkpoint signed by"),
        (written("older/x.txt", lambda: rewritten().checkpoint(600)), "FAILS    older/x.txt: it is not"),
        (written("older/x.txt", lambda: rewritten().checkpoint()), "FAILS    older/x.txt: it is not"),
        (written("older/x.txt", lambda: KeptLog(1_010).checkpoint()), "checkpoint.txt has 1000"),
        (written("older/x.txt", lambda: b"\xff\xfe"), "FAILS    older/x.txt: it cannot be read"),
        (lambda folder: (folder / "older/x").mkdir(), "FAILS    older/x: it cannot be read"),
        (flipped("tile/0/002", 5), "FAILS    older/600.txt: tile/0/002 is not what the log has"),
        (flipped("tile/1/000.p/3", 70), "FAILS    older/600.txt: the tiles are of another log"),
        (lambda folder: (folder / "tile/0/002").unlink(), "tile/0/002 is missing"),
        (forged_part_of_a_full_tile, "UNCLEAR  older/600.txt"),
        (changed_answer(changed_leaf), "action 1: the log does not have this action"),
        (changed_answer(changed_row), "action 1: row 1 is not one of this action"),
        (changed_answer(moved_row), "action 1: the proof is not one for this place"),
        (changed_answer(row_beyond), "action 1: the proof is not one for this place"),
        (changed_answer(other_name), "action 1: user is not user1"),
        (changed_answer(other_tags), "action 1: after.tags is not []"),
        (changed_answer(other_salt), "action 1: user is not user0"),
        (changed_answer(extra_hash), "action 1: the proof is not one for this place"),
        (changed_answer(fewer_hashes), "action 1: the proof is not one for this place"),
        (changed_answer(negative_index), "action 1: the proof is not one for this place"),
        (changed_answer(lambda one: one.update(auditHeaderId=2)), "action 2: it is of another action"),
        (changed_answer(lambda one: one.update(leafIndex=2)), "action 1: it is of another action"),
        (changed_answer(lambda one: one.pop("openings")), "action 1: it cannot be read"),
        (changed_answer(lambda one: one.update(proof="")), "action 1: it cannot be read"),
        (of_rewritten_log, "action 18: it is not the beginning of checkpoint.txt"),
        (written("proofs/x.json", lambda: "{"), "FAILS    proofs/x.json: it cannot be read"),
        (written("proofs/x.json", lambda: "[" * 100_000), "FAILS    proofs/x.json: it cannot be read"),
    ],
)  # fmt: skip
def test_what_was_tampered_with_is_named_and_all_else_is_checked(
    tmp_path: Path, tamper: Tamper, said: str
) -> None:
    tamper(full_copy(tmp_path))
    status, printed = verify(tmp_path)
    assert said in printed
    assert status == 1


def test_a_witness_that_did_not_sign_or_whose_signature_is_forged_is_named(tmp_path: Path) -> None:
    full_copy(tmp_path)
    forger = Signer(COSIGNER.name, 4, Ed25519PrivateKey.from_private_bytes(b"f" * 32))
    note = log().checkpoint(signers=[LOG, forger])
    write(tmp_path / "checkpoint.txt", note)
    status, said = verify(tmp_path)
    assert status == 0, "a signature of an unknown key is ignored"
    assert "checkpoint.txt: 1000 actions, signed by archive.example.com/5a7c0f1e, not by witness.ex" in said
    text = note.splitlines()[-1].split(" ")[2]
    forged = b64encode(COSIGNER.id + b64decode(text)[4:]).decode()
    write(tmp_path / "checkpoint.txt", note.replace(text, forged))
    status, said = verify(tmp_path)
    assert status == 1
    assert "the signature of the witness witness.example.com" in said


def test_what_is_printed_cannot_steer_a_terminal(tmp_path: Path) -> None:
    full_copy(tmp_path)
    changed_answer(lambda one: one["openings"][0].update(value="\x1b[2J\u202e\n"))(tmp_path)
    _, said = verify(tmp_path)
    assert "user is not ?[2J??" in said


def test_without_a_folder_it_explains_itself() -> None:
    run = subprocess.run([sys.executable, "-I", "-S", verify_ledger.__file__], capture_output=True, env={})
    assert run.returncode == 1
    assert b"python3 verify_ledger.py FOLDER" in run.stderr


def test_an_empty_folder_does_not_hold(tmp_path: Path) -> None:
    assert verify(tmp_path) == (1, f"UNCLEAR  checkpoint.txt: {tmp_path}/key.txt is missing\n")


def test_it_is_written_for_the_oldest_python_that_it_names() -> None:
    source = Path(verify_ledger.__file__).read_text()
    assert "Python 3.9" in source.partition("\n")[0]
    ast.parse(source, feature_version=(3, 9))


@settings(deadline=None, max_examples=30)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=100), st.integers(0, 511), st.booleans())
def test_signatures_are_judged_as_the_library_judges_them(
    seed: bytes, message: bytes, bit: int, is_changed: bool
) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = key.public_key().public_bytes_raw(), bytearray(key.sign(message))
    if is_changed:
        signature[bit // 8] ^= 1 << bit % 8
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(bytes(signature), message)
        expected = True
    except InvalidSignature:
        expected = False
    assert verify_ledger.is_signed(public, message, bytes(signature)) is expected


def test_a_second_form_of_a_signature_and_one_of_another_length_are_refused() -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    public, signature = key.public_key().public_bytes_raw(), key.sign(b"text")
    assert verify_ledger.is_signed(public, b"text", signature)
    larger = int.from_bytes(signature[32:], "little") + GROUP_ORDER
    for other in (
        signature[:32] + larger.to_bytes(32, "little"),
        signature + b"\0",
        signature[:-1],
        signature[:32],
        b"",
    ):
        assert not verify_ledger.is_signed(public, b"text", other)


def test_what_is_no_key_is_refused() -> None:
    for public in (b"", bytes(31), b"\x02" + bytes(31), b"\xff" * 32):
        with pytest.raises(AssertionError):
            verify_ledger.is_signed(public, b"text", bytes(64))
