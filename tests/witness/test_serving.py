"""`earwitness witness serve`: the protocol over HTTP, and a witness that is killed while it answers."""

import hashlib
import json
import signal
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest
from typer.testing import CliRunner

from earwitness.archive.ledger.notes.checkpoint import Checkpoint
from earwitness.archive.ledger.notes.keys import Kind, VerifierKey, verified
from earwitness.archive.ledger.notes.signed_note import SignedNote, read_signatures
from earwitness.cli.main import app
from earwitness.witness.refused import Inconsistent
from earwitness.witness.witness import STATE_FILE, Witness
from tests.witness.plain_log import PlainLog
from tests.witness.serving import serving

LOG = PlainLog()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "witness"
    Witness.create(made, "audit.example/w1").state.add_key(LOG.key.verifier)
    return made


def test_the_protocol_over_http(folder: Path) -> None:
    key = Witness.open(folder).key.verifier
    with serving(folder) as (_, url), httpx2.Client(base_url=url, timeout=60) as client:
        answer = client.post("/add-checkpoint", content=LOG.request(0, 5))
        assert answer.status_code == 200
        [made] = read_signatures(answer.text)
        assert answer.text == made.line
        assert key.verifies(LOG.note(5).text, made)

        conflict = client.post("/add-checkpoint", content=LOG.request(0, 9))
        assert (conflict.status_code, conflict.content) == (409, b"5\n")
        assert conflict.headers["content-type"] == "text/x.tlog.size"

        for body, status in [
            (PlainLog("another.example").request(0, 5), 404),
            (LOG.request(5, 5).replace(LOG.key.sign(LOG.note(5).text).line[-20:].encode(), b"AAAA=\n"), 400),
            (PlainLog(fork_at=2).request(5, 9), 422),
            (b"old 1", 400),
        ]:
            refused = client.post("/add-checkpoint", content=body)
            assert refused.status_code == status
            assert refused.headers["content-type"].startswith("text/plain")

        origin_hash = hashlib.sha256(LOG.key.name.encode()).hexdigest()
        latest = client.get(f"/{origin_hash}/checkpoint")
        assert latest.content == LOG.note(5).signed_also_by(made).encode()
        assert client.get(f"/{'0' * 64}/checkpoint").status_code == 404
        assert client.get("/add-checkpoint").status_code == 405
        assert client.post("/").status_code == 404
    assert list(folder.parent.iterdir()) == [folder]  # nothing of an archive


def test_a_large_body_is_refused_whether_its_size_is_stated_or_not(folder: Path) -> None:
    with serving(folder) as (_, url):
        pieces = [b"old 0\n\n" + b"x" * (1 << 20)] * 4
        for content in (b"".join(pieces), iter(pieces)):
            with suppress(httpx2.TransportError):  # it may be closed while the client still sends
                assert httpx2.post(f"{url}/add-checkpoint", content=content, timeout=60).status_code == 413
        assert httpx2.post(f"{url}/add-checkpoint", content=LOG.request(0, 5)).status_code == 200


def test_a_witness_whose_state_disappears_cosigns_nothing_and_makes_no_other(folder: Path) -> None:
    with serving(folder) as (_, url):
        assert httpx2.post(f"{url}/add-checkpoint", content=LOG.request(0, 5)).status_code == 200
        (folder / STATE_FILE).rename(folder / "moved")
        assert httpx2.post(f"{url}/add-checkpoint", content=LOG.request(0, 5)).status_code == 503
        assert not (folder / STATE_FILE).exists()
        (folder / "moved").rename(folder / STATE_FILE)
        assert httpx2.post(f"{url}/add-checkpoint", content=LOG.request(0, 5)).status_code == 409


def test_a_log_that_is_listed_while_the_witness_runs_is_cosigned(folder: Path) -> None:
    other = PlainLog("another.example")
    with serving(folder) as (_, url):
        assert httpx2.post(f"{url}/add-checkpoint", content=other.request(0, 5)).status_code == 404
        Witness.open(folder).state.add_key(other.key.verifier)
        assert httpx2.post(f"{url}/add-checkpoint", content=other.request(0, 5)).status_code == 200


KILLED_WHILE = {
    "it stores": "Witness(witness.key, witness.state, clock=die).add_checkpoint(sys.stdin.buffer.read())",
    "it answers": "witness.add_checkpoint(sys.stdin.buffer.read()); die()",
}


@pytest.mark.parametrize("doing", KILLED_WHILE.values(), ids=KILLED_WHILE)
def test_what_a_killed_witness_had_not_stored_is_open_and_what_it_had_stored_stays(
    folder: Path, doing: str
) -> None:
    """The clock is asked between the check and the store."""
    program = f"""
import os, signal, sys
from pathlib import Path
from earwitness.witness.witness import Witness
def die():
    os.kill(os.getpid(), signal.SIGKILL)
witness = Witness.open(Path({str(folder)!r}))
{doing}
"""
    killed = subprocess.run([sys.executable, "-c", program], input=LOG.request(0, 5), timeout=60)
    assert killed.returncode == -signal.SIGKILL
    witness, fork = Witness.open(folder), PlainLog(fork_at=2)
    if doing.startswith("Witness"):
        witness.add_checkpoint(fork.request(0, 5))
    else:
        witness.add_checkpoint(LOG.request(5, 5))
        with pytest.raises(Inconsistent):
            witness.add_checkpoint(fork.request(5, 5))


def test_a_witness_that_is_killed_has_never_cosigned_two_roots_of_one_size(folder: Path) -> None:
    """Forks of a log ask at once. The witness is killed after some of its answers, and asked again."""
    size = 5
    forks = [PlainLog(f"log.example/{number}") for number in range(2)]
    state = Witness.open(folder).state
    for log in forks:
        state.add_key(log.key.verifier)
    cosigned: dict[str, set[bytes]] = {log.key.name: set() for log in forks}
    for answers, log in enumerate(forks):
        histories = [PlainLog(log.key.name, fork_at=at) for at in range(size)]
        with serving(folder) as (process, url), ThreadPoolExecutor(size) as threads:
            asked = [
                threads.submit(_cosigned, url, one.request(0, size), one.note(size)) for one in histories
            ]
            _wait_for(answers, asked)
            process.send_signal(signal.SIGKILL)
            cosigned[log.key.name] |= {root for one in asked if (root := one.result())}
        with serving(folder) as (_, url):
            for older_size in (0, size):
                for one in histories:
                    request = one.request(older_size, size)
                    if root := _cosigned(url, request, one.note(size)):
                        cosigned[log.key.name].add(root)
    assert {name: len(roots) for name, roots in cosigned.items()} == {log.key.name: 1 for log in forks}


def _cosigned(url: str, request: bytes, note: SignedNote) -> bytes | None:
    """The root that was cosigned; None if none was, or the witness was gone."""
    try:
        answer = httpx2.post(f"{url}/add-checkpoint", content=request, timeout=60)
    except httpx2.TransportError:
        return None
    return Checkpoint.read(note.text).root if answer.status_code == 200 else None


def _wait_for(count: int, asked: list[Future[bytes | None]]) -> None:
    for one in asked[:count]:
        one.result()


def test_the_commands_list_logs_and_show_forks(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def tell(*words: str, exit_code: int = 0) -> object:
        ended = CliRunner().invoke(app, ["witness", *words, "--json"])
        assert ended.exit_code == exit_code, ended.output
        return json.loads(ended.stdout)

    here = ("--folder", str(folder))
    made = tell("key", "--name", "new.example")
    assert isinstance(made, dict)
    assert VerifierKey.read(made["verifierKey"], Kind.WITNESS).name == "new.example"
    assert (tmp_path / "earwitness-witness" / "witness.key").stat().st_mode & 0o777 == 0o600
    assert tell("key") == made
    tell("key", "--name", "other.example", exit_code=1)
    tell("key", "--folder", "nowhere", exit_code=1)

    other = PlainLog("another.example").key.verifier.text
    (tmp_path / "policy").write_text(f"log {other}\nquorum none\n")
    assert tell("add-log", "--policy", str(tmp_path / "policy"), *here) == {"added": ["another.example"]}
    assert tell("add-log", other, *here) == {"added": []}
    assert tell("add-log", made["verifierKey"], *here, exit_code=1)
    assert tell("add-log", *here, exit_code=1)
    assert tell("remove-log", other, *here) == {"removed": "another.example"}
    tell("remove-log", other, *here, exit_code=1)

    witness = Witness.open(folder)
    witness.add_checkpoint(LOG.request(0, 5))
    shown = tell("logs", *here)
    assert isinstance(shown, dict)
    [listed] = shown["logs"]
    assert (listed["size"], listed["verifierKeys"]) == (5, [LOG.key.verifier.text])
    fork = PlainLog(fork_at=2)
    with pytest.raises(Inconsistent):
        witness.add_checkpoint(fork.request(5, 5))
    shown = tell("logs", *here, exit_code=1)
    assert isinstance(shown, dict)
    [proof] = shown["logs"][0]["forks"]
    assert verified(SignedNote.read(proof.encode()), [LOG.key.verifier])
