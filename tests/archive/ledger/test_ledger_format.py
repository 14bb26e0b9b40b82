"""docs/ledger-format.md: each of its test vectors is what the program and plain hashing give."""

import hmac
import json
import os
import shutil
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from earwitness.archive.ledger import verify_ledger
from earwitness.archive.ledger.tree.commitments import (
    PARTS,
    canonical,
    comment_part,
    comments_digest,
    commitment,
    part_digest,
    record_digest,
)
from earwitness.archive.ledger.tree.hashing import leaf_hash, root_of
from earwitness.archive.ledger.tree.leaves import Leaf, Row
from earwitness.archive.ledger.tree.proof_text import read_proof
from earwitness.archive.ledger.tree.proofs import inclusion_in
from earwitness.archive.ledger.tree.verification import verify_consistency, verify_inclusion
from tests.archive.ledger.kept_log import KeptLog, write
from tests.archive.ledger.tree import plain_tree

PAGE = (Path(__file__).parents[3] / "docs/ledger-format.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def vectors() -> Any:
    return json.loads(PAGE.split("```json\n")[-1].split("```")[0])


def hexes(hashes: list[bytes]) -> list[str]:
    return [one.hex() for one in hashes]


def test_commitments(vectors: Any) -> None:
    one = vectors["commitment"]
    salt, value = bytes.fromhex(one["salt"]), one["value"].encode()
    assert one["digest"] == sha256(salt + value).hexdigest() == commitment(salt, value).hex()


def test_parts_and_the_digest_of_a_recording(vectors: Any) -> None:
    parts = vectors["parts"]
    salt, digests = bytes.fromhex(parts["salt"]), parts["digests"]
    for part, value in parts["values"].items():
        salted = hmac.digest(salt, part.encode(), "sha256") + canonical(value)
        assert digests[part] == sha256(salted).hexdigest() == part_digest(salt, part, value).hex()
    comment = bytes.fromhex(digests[comment_part(7)])
    assert digests["comments"] == sha256((7).to_bytes(8, "big") + comment).hexdigest()
    assert bytes.fromhex(digests["comments"]) == comments_digest({7: comment})
    named = {part: bytes.fromhex(digests[part]) for part in PARTS if part in digests}
    assert parts["recordDigest"] == record_digest(named).hex()
    plain = b"".join(bytes.fromhex(digests.get(part, "00" * 32)) for part in PARTS)
    assert parts["recordDigest"] == sha256(b"earwitness-record-v1\n" + plain).hexdigest()


def test_rows_and_their_leaf(vectors: Any) -> None:
    rows, leaf = vectors["rows"], vectors["leaf"]
    hashes = [leaf_hash(row.encode()) for row in rows["bytes"]]
    assert (rows["hashes"], rows["root"]) == (hexes(hashes), root_of(hashes).hex())
    assert rows["proofOfRow0"] == hexes(inclusion_in(hashes, 0))
    assert leaf["hash"] == sha256(b"\0" + leaf["bytes"].encode()).hexdigest()
    for text in (*rows["bytes"], leaf["bytes"]):
        assert canonical(json.loads(text)).decode() == text
    said = json.loads(leaf["bytes"])
    assert (said["rows"], said["rowsRoot"]) == (3, rows["root"])
    assert said["user"] == vectors["commitment"]["digest"]
    assert json.loads(rows["bytes"][0])["record"] == vectors["parts"]["recordDigest"]


def test_roots_and_proofs(vectors: Any) -> None:
    tree = vectors["tree"]
    assert tree["roots"] == {size: plain_tree.root(0, int(size)).hex() for size in tree["roots"]}
    path = [bytes.fromhex(one) for one in tree["inclusion"]["hashes"]]
    verify_inclusion(leaf_hash(b"leaf 2"), 2, 5, path, bytes.fromhex(tree["roots"]["5"]))
    path = [bytes.fromhex(one) for one in tree["consistency"]["hashes"]]
    older, newer = (bytes.fromhex(tree["roots"][size]) for size in ("3", "7"))
    verify_consistency(3, older, 7, newer, path)


def test_the_proof_as_text_and_the_verifier_key(vectors: Any, tmp_path: Path) -> None:
    note = vectors["note"]
    proof = read_proof(note["proof"])
    assert (proof.index, hexes(list(proof.path))) == (2, vectors["tree"]["inclusion"]["hashes"])
    assert b64decode(proof.checkpoint.splitlines()[2]).hex() == vectors["tree"]["roots"]["5"]
    write(tmp_path / "key.txt", note["verifierKey"])
    write(tmp_path / "checkpoint.txt", proof.checkpoint)
    run = subprocess.run([sys.executable, "-I", "-S", verify_ledger.__file__, tmp_path], capture_output=True)
    assert (run.returncode, run.stdout[:5]) == (0, b"HOLDS")


@pytest.mark.parametrize(("shape", "heading"), [(Leaf, "## Leaves"), (Row, "## Rows")])
def test_every_field_of_leaves_and_rows_is_described(shape: type[Any], heading: str) -> None:
    section = PAGE.partition(heading)[2].partition("\n## ")[0]
    described = {
        name.strip(" `")
        for line in section.splitlines()
        if line.startswith("| `")
        for name in line.split("|")[1].split(",")
    }
    assert set(shape.__struct_encode_fields__) <= described


@pytest.fixture
def base_url(tmp_path: Path) -> Iterator[str]:
    """Serves the files below `served` as they are."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "served"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_script_gets_the_few_tiles_that_older_checkpoints_need(tmp_path: Path, base_url: str) -> None:
    log = KeptLog(1_000)
    log.copy_to(tmp_path / "served/ledger")
    log.copy_to(tmp_path / "copy", tiles=False)
    for size in (1, 600, 999):
        write(tmp_path / f"copy/older/{size}.txt", log.checkpoint(size))
    shutil.copy(verify_ledger.__file__, tmp_path)
    script = next(block for block in PAGE.split("```sh\n") if block.startswith("missing"))
    run = subprocess.run(
        ["sh", "-c", script.split("```")[0]],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "BASE_URL": base_url, "TOKEN": "any"},
        capture_output=True,
        text=True,
    )
    assert run.stdout.count("HOLDS") == 4, run.stdout + run.stderr
    assert len([file for file in (tmp_path / "copy/tile").rglob("*") if file.is_file()]) == 4
