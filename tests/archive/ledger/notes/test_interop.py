"""Go's golang.org/x/mod/sumdb/note, which is not ours, reads our notes and keys, and we read its.

Needs Debian's golang-go and golang-golang-x-mod-dev.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from earwitness.archive.ledger.notes.keys import Kind, SignerKey, verified
from earwitness.archive.ledger.notes.signed_note import SignedNote
from earwitness.archive.ledger.signing import signed_checkpoint, signer_of

GO_LIBRARIES = Path("/usr/share/gocode")

pytestmark = pytest.mark.skipif(
    shutil.which("go") is None or not (GO_LIBRARIES / "src/golang.org/x/mod/sumdb/note").is_dir(),
    reason="NOT CHECKED that Go reads signed notes: no golang-go or golang-golang-x-mod-dev",
)


def test_go_reads_our_notes_and_keys_and_we_read_those_of_go(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "GO111MODULE": "off",
        "GOPATH": str(GO_LIBRARIES),
        "GOFLAGS": "",
        "GOCACHE": str(tmp_path / "cache"),
    }
    built, source = tmp_path / "reader", Path(__file__).with_name("interop") / "main.go"
    subprocess.run(["go", "build", "-o", built, source], env=environment, check=True)
    shutil.rmtree(tmp_path / "cache")
    signer = signer_of("archive.example.com/0b6c", b"k" * 32)
    witness = SignerKey.generate("audit.example/w", Kind.WITNESS)
    note = signed_checkpoint(signer, 7, b"r" * 32)
    cosigned = note.signed_also_by(witness.cosign(note.text, 99))
    words = (built, signer.verifier.text, signer.text)

    read = subprocess.run(words, input=cosigned.encode(), capture_output=True, check=True)
    assert read.stderr == b"1 1\n"  # Go ignores the witness, whose kind of key it does not know
    by_go = SignedNote.read(read.stdout)
    assert by_go == note
    assert verified(by_go, [signer.verifier])

    changed = cosigned.encode().replace(b"\n7\n", b"\n8\n")
    refused = subprocess.run(words, input=changed, capture_output=True)
    assert (refused.returncode, refused.stdout) == (1, b"")
