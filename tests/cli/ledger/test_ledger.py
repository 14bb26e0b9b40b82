"""The commands of `earwitness ledger`."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from earwitness.archive.ledger.notes.checkpoint import Checkpoint
from earwitness.archive.ledger.notes.signed_note import SignedNote
from earwitness.archive.ledger.tree.tiles import read_bundle
from tests.cli.conftest import Run
from tests.firm import CLIENT_ID, Firm

Tell = Callable[..., Any]


def checked(folder: Path) -> subprocess.CompletedProcess[str]:
    """What the program in a folder says of the folder, with nothing but Python."""
    return subprocess.run(
        [sys.executable, "-I", "-S", str(folder / "verify_ledger.py"), str(folder)],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_checkpoint_has_what_was_done_just_before(
    firm: Firm, run: Run, tell: Tell, tmp_path: Path
) -> None:
    before = tell("ledger", "checkpoint", CLIENT_ID)
    firm.post("/admin/tag", {"tag": "new"})
    shown = run("ledger", "checkpoint", CLIENT_ID).stdout
    head = Checkpoint.read(SignedNote.read(shown.encode()).text)
    assert head.size > before["size"]
    assert head.origin == before["origin"]
    assert firm.call("GET", "/ledger/checkpoint").text == shown

    kept = tmp_path / "kept"
    assert str(kept) in run("ledger", "checkpoint", CLIENT_ID, "--out", kept).stdout
    assert kept.read_text() == shown


def test_a_checkpoint_that_nobody_attested_is_not_shown_as_witnessed(run: Run, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    refused = run("ledger", "checkpoint", CLIENT_ID, "--witnessed", "--out", kept, exit_code=1)
    assert "Nobody outside has attested" in refused.stderr
    assert not kept.exists()


def test_the_ledger_is_searched(firm: Firm, run: Run, tell: Tell) -> None:
    firm.post("/admin/tag", {"tag": "gold"})
    recording = firm.ingest(thirdPartyId="call")
    firm.post("/client/recording/audit", {"recordingId": recording})
    rows = tell("ledger", "search", CLIENT_ID, "--entity", "Recording", "--id", recording)
    assert rows == firm.post("/ledger/search", {"entityName": "Recording", "entityId": recording})
    assert len(rows) > 1
    assert tell("ledger", "search", CLIENT_ID, "--username", "nobody") == []
    assert "nothing like that" in run("ledger", "search", CLIENT_ID, "--username", "nobody").stdout
    assert "/admin/tag" in {row["route"] for row in tell("ledger", "search", CLIENT_ID)}
    assert tell("ledger", "search", CLIENT_ID, "--to", "2026-01-01") == []
    refused = run("ledger", "search", CLIENT_ID, "--from", "noon", exit_code=1)
    assert "from" in refused.stderr
    assert "--id needs --entity" in run("ledger", "search", CLIENT_ID, "--id", 1, exit_code=1).stderr


def test_a_search_shows_times_and_names_whole(firm: Firm, run: Run) -> None:
    firm.post("/admin/tag", {"tag": "Complaint"})
    shown = run("ledger", "search", CLIENT_ID, "--entity", "Tag").stdout
    assert "…" not in shown


def test_an_export_is_checked_with_python_alone(firm: Firm, run: Run, tell: Tell, tmp_path: Path) -> None:
    recording = firm.ingest(thirdPartyId="call")
    for number in range(300):
        firm.post("/admin/tag", {"tag": str(number)})
    folder = tmp_path / "ledger"
    first = tell("ledger", "export", CLIENT_ID, folder, "--recording", recording, "--leaves")
    assert first["size"] > 300
    verdict = checked(folder)
    assert verdict.returncode == 0, verdict.stdout
    assert "Recording" in verdict.stdout
    bundles = sorted(one for one in (folder / "tile/entries").rglob("*") if one.is_file())
    leaves = [one for file in bundles for one in read_bundle(file.read_bytes())]
    assert len(leaves) == first["size"]
    assert {json.loads(one)["type"] for one in leaves} == {"action"}

    for number in range(300):
        firm.post("/admin/tag", {"tag": f"more {number}"})
    second = tell("ledger", "export", CLIENT_ID, folder)
    assert second["size"] > first["size"]
    verdict = checked(folder)
    assert verdict.returncode == 0, verdict.stdout
    assert f"older/{first['size']}.txt: {first['size']} actions" in verdict.stdout

    tile = folder / "tile/1/000.p/2"
    tile.write_bytes(bytes(32) + tile.read_bytes()[32:])
    assert checked(folder).returncode == 1


def test_an_export_of_another_log_is_left_alone(firm: Firm, run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    run("ledger", "export", CLIENT_ID, folder)
    kept = (folder / "checkpoint.txt").read_bytes()
    other = kept.replace(b"earwitness.invalid", b"other.invalid")
    (folder / "checkpoint.txt").write_bytes(other)
    assert "name another folder" in run("ledger", "export", CLIENT_ID, folder, exit_code=1).stderr
    assert (folder / "checkpoint.txt").read_bytes() == other
