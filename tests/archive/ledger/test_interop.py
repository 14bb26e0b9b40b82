"""Go's golang.org/x/mod/sumdb, which is not ours, reads the log: notes, tiles, bundles and proofs.

Needs Debian's golang-go and golang-golang-x-mod-dev, which `make interop` installs where it can.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.archive.ledger.kept_log import COSIGNER, LOG, KeptLog, write

GO_LIBRARIES = Path("/usr/share/gocode")
SIZE = 65_536 + 300
OLDER_SIZES = (1, 255, 256, 600, 65_535, 65_536, 65_537)

pytestmark = pytest.mark.skipif(
    shutil.which("go") is None or not (GO_LIBRARIES / "src/golang.org/x/mod/sumdb").is_dir(),
    reason="NOT CHECKED that Go reads the ledger: no golang-go or golang-golang-x-mod-dev: make interop",
)


@cache
def log() -> KeptLog:
    return KeptLog(SIZE)


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program in Go, built without the network and without modules."""
    built = tmp_path_factory.mktemp("interop") / "reader"
    environment = {
        **os.environ,
        "GO111MODULE": "off",
        "GOPATH": str(GO_LIBRARIES),
        "GOFLAGS": "",
        "GOCACHE": str(built.parent / "cache"),
    }
    source = Path(__file__).with_name("interop") / "main.go"
    subprocess.run(["go", "build", "-o", built, source], env=environment, check=True)
    shutil.rmtree(built.parent / "cache")
    return built


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    log().copy_to(tmp_path)
    write(tmp_path / "checkpoint.txt", log().checkpoint(signers=[LOG, COSIGNER]))
    pages = [log().answer(number) for number in (0, 255, 256, 40_000, SIZE - 1)]
    write(tmp_path / "proofs/page.json", [*pages, log().answer(0, 1), log().answer(17, 600)])
    tree = log().tree(SIZE)
    for size in OLDER_SIZES:
        write(tmp_path / f"older/{size}.txt", log().checkpoint(size))
    answers = [
        {"from": size, "to": SIZE, "hashes": [one.hex() for one in tree.consistency(size)]}
        for size in OLDER_SIZES
    ]
    write(tmp_path / "consistency.json", answers)
    return tmp_path


def read(reader: Path, copy: Path) -> tuple[int, str]:
    run = subprocess.run([reader, copy], capture_output=True, text=True)
    return run.returncode, run.stdout + run.stderr


def test_go_computes_the_same_tiles_and_proofs_and_accepts_the_notes(reader: Path, copy: Path) -> None:
    assert read(reader, copy) == (0, "Go agrees\n")


def flip(file: Path, at: int) -> None:
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(bytes(data))


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (lambda copy: flip(copy / "tile/1/000", 0), "tile/1/000: differs"),
        (lambda copy: flip(copy / "tile/entries/000", 20), "the root of the leaves"),
        (lambda copy: replace(copy / "checkpoint.txt", "65836", "65835"), "the checkpoint: invalid"),
        (lambda copy: replace(copy / "proofs/page.json", "index 255", "index 254"), "a proof: "),
        (lambda copy: replace(copy / "consistency.json", '"from": 255', '"from": 256'), "a proof"),
    ],
)  # fmt: skip
def test_go_finds_what_was_tampered_with(
    reader: Path, copy: Path, tamper: Callable[[Path], None], said: str
) -> None:
    tamper(copy)
    status, printed = read(reader, copy)
    assert said in printed
    assert status == 1
