"""Witnesses and the timestamp authority are asked by workers, once an hour, and fail nothing else."""

import logging
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import update

from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.ledger.notes.checkpoint import Checkpoint
from earwitness.archive.ledger.notes.keys import Kind, VerifierKey, cosigned_at, verified
from earwitness.archive.ledger.notes.signed_note import SignedNote
from earwitness.archive.schema.ledger import ledger_asked
from earwitness.archive.upkeep.ledgers.ledger_attestation import Silence, attest
from earwitness.kernel.settings import Settings
from earwitness.witness.witness import Witness
from tests.archive.ledger.attestation.answering import Answer, answering
from tests.archive.ledger.attestation.authority import Authority
from tests.cli.running import run, run_json
from tests.firm import CLIENT_ID, Firm
from tests.witness.serving import serving

HOUR_MS = 3_600_000

needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="needs the program openssl")


@dataclass
class Outside:
    """A witness in a process of its own, and an authority of timestamps."""

    witness: Witness
    witness_url: str
    authority: Authority
    authority_url: str
    asked: list[str]

    @property
    def environment(self) -> dict[str, str]:
        key = self.witness.key.verifier.text
        return {
            "EARWITNESS_WITNESSES": f"{key} {self.witness_url}",
            "EARWITNESS_TSA": self.authority_url,
        }

    def named_in(self, settings: Settings) -> Settings:
        key = self.witness.key.verifier.text
        return replace(settings, witnesses=((key, self.witness_url),), tsa=self.authority_url)


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Outside]:
    folder = tmp_path / "outside"
    (folder / "tsa").mkdir(parents=True)
    witness = Witness.create(folder / "witness", "audit.example/witness")
    authority = Authority(folder / "tsa")
    asked: list[str] = []

    def reply(path: str, query: bytes) -> Answer:
        asked.append(path)
        return authority.reply(path, query)

    with ExitStack() as running:
        _, witness_url = running.enter_context(serving(folder / "witness"))
        authority_url = running.enter_context(answering(reply))
        yield Outside(witness, witness_url, authority, authority_url, asked)


def newest(firm: Firm, query: str = "") -> SignedNote:
    answer = firm.call("GET", f"/ledger/checkpoint{query}")
    assert answer.status_code == 200, answer.text
    return SignedNote.read(answer.content)


def size_of(note: SignedNote) -> int:
    return Checkpoint.read(note.text).size


def list_log(firm: Firm, outside: Outside) -> None:
    """Let the witness know the ledger."""
    key = VerifierKey.read(firm.call("GET", "/ledger/key").text.strip(), Kind.LOG)
    outside.witness.state.add_key(key)


def let_an_hour_pass(firm: Firm) -> None:
    with firm.archive.write() as connection:
        connection.execute(update(ledger_asked).values(asked_at=ledger_asked.c.asked_at - HOUR_MS))


@needs_openssl
def test_a_checkpoint_is_cosigned_and_timestamped_once_an_hour(
    settings: Settings, outside: Outside, tmp_path: Path
) -> None:
    key = outside.witness.key.verifier
    with Firm(outside.named_in(settings)) as firm:
        list_log(firm, outside)
        assert firm.call("GET", "/ledger/checkpoint?witnessed=true").status_code == 404
        firm.work()
        first = newest(firm, "?witnessed=true")
        assert cosigned_at(verified(first, [key])[key]) > 0

        firm.post("/admin/tag", {"tag": "later"})
        firm.work()
        assert newest(firm, "?witnessed=true") == first
        assert size_of(newest(firm)) > size_of(first)
        assert len(outside.asked) == 1

        let_an_hour_pass(firm)
        firm.work()
        second = newest(firm, "?witnessed=true")
        assert size_of(second) > size_of(first)
        assert verified(second, [key])
        assert len(outside.asked) == 2

    kept = tmp_path / "checkpoint"
    told = run_json(settings, "ledger", "checkpoint", CLIENT_ID, "--witnessed", "--out", kept)
    assert told["files"] == [str(kept), f"{kept}.127.0.0.1.tst"]
    assert SignedNote.read(kept.read_bytes()) == second
    (tmp_path / "text").write_text("".join(kept.read_text().splitlines(keepends=True)[:3]))
    words = f"ts -verify -token_in -in {kept}.127.0.0.1.tst -data text -CAfile".split()
    verdict = subprocess.run(
        ["openssl", *words, str(outside.authority.folder / "cert.pem")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Verification: OK" in verdict.stdout, verdict.stderr

    told = run(settings, "status", **outside.environment).stdout
    assert f"audit.example/witness attested {size_of(second)} actions at " in told
    assert f"127.0.0.1 attested {size_of(second)} actions at " in told
    assert "unwitnessed" not in told


def test_those_that_fail_are_told_and_fail_nothing_else(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    witness = Witness.create(tmp_path / "witness", "audit.example/witness")
    broken = answering(lambda path, body: (500, "text/plain", b"broken") if path == "/tsa" else None)
    with broken as url:
        witnesses = ((witness.key.verifier.text, url),)
        named = replace(settings, witnesses=witnesses, tsa=f"{url}/tsa")
        with Firm(named) as firm, caplog.at_level(logging.WARNING):
            firm.post("/admin/tag", {"tag": "first"})
            firm.work()
            assert size_of(newest(firm)) > 0
    assert "audit.example/witness did not attest its ledger: no answer" in caplog.text
    assert "127.0.0.1 did not attest its ledger: it answered 500" in caplog.text
    environment = {
        "EARWITNESS_WITNESSES": f"{witness.key.verifier.text} {url}",
        "EARWITNESS_TSA": f"{url}/tsa",
    }
    told = run(settings, "status", **environment).stdout
    assert "audit.example/witness did not attest its ledger: no answer" in told
    assert "127.0.0.1 did not attest its ledger: it answered 500" in told
    assert f"The ledger of account {CLIENT_ID} is unwitnessed" in told


@needs_openssl
def test_a_witness_that_does_not_list_the_ledger_keeps_no_timestamp_away(
    settings: Settings, outside: Outside
) -> None:
    with Firm(outside.named_in(settings)) as firm:
        firm.work()
        assert len(outside.asked) == 1
        [row] = run_json(settings, "status", exit_code=0)["accounts"]
        list_log(firm, outside)
        let_an_hour_pass(firm)
        firm.work()
        assert verified(newest(firm, "?witnessed=true"), [outside.witness.key.verifier])
    told = {one["name"]: one for one in row["ledger"]["attested"]}
    assert told["127.0.0.1"]["size"] > 0
    assert told["audit.example/witness"]["at"] is None


@needs_openssl
def test_servers_that_ask_at_once_ask_once(settings: Settings, outside: Outside) -> None:
    with Firm(outside.named_in(settings)) as firm:
        list_log(firm, outside)
        firm.call("GET", "/ledger/checkpoint")
        together = threading.Barrier(4)
        failed: list[Exception] = []

        def ask() -> None:
            accounts = Accounts(outside.named_in(settings))
            try:
                archive = accounts.open(CLIENT_ID)
                together.wait(60)
                attest(archive, accounts, Silence())
            except Exception as error:
                failed.append(error)
            finally:
                accounts.close()

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
        assert len(outside.asked) == 1


def test_a_line_of_the_log_has_the_checkpoint(firm: Firm, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        firm.token()
        firm.work()
    head = Checkpoint.read(newest(firm).text)
    assert f"its ledger {head.origin} has {head.size} actions, root {head.root.hex()}" in caplog.text


def test_a_ledger_that_nobody_outside_attests_is_said_to_be_unwitnessed(firm: Firm) -> None:
    firm.work()
    assert f"The ledger of account {CLIENT_ID} is unwitnessed" in run(firm.settings, "status").stdout
