"""What the log answers is checked by the offline verifier, which knows nothing of this program."""

import json
import subprocess
import sys
from base64 import b64decode
from pathlib import Path

import pytest

from earwitness.kernel.rights import Right
from tests.firm import Firm

VERIFIER = "verify.py"


def kept(firm: Firm, folder: Path) -> Path:
    """A copy of the log as an auditor keeps one: key and newest checkpoint."""
    folder.mkdir(exist_ok=True)
    for name, path in (("key.txt", "key"), ("checkpoint.txt", "checkpoint"), (VERIFIER, VERIFIER)):
        (folder / name).write_text(firm.call("GET", f"/ledger/{path}").text)
    return folder


def verified(folder: Path) -> tuple[int, str]:
    ran = subprocess.run(
        [sys.executable, "-I", "-S", folder / VERIFIER, folder],
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.returncode, ran.stdout + ran.stderr


def test_every_action_on_a_recording_is_proven_to_the_offline_verifier(firm: Firm, tmp_path: Path) -> None:
    recording = firm.ingest()
    firm.call("PUT", "/client/recording/tags", {"recordingId": recording, "tags": ["Complaint"]})
    firm.post("/client/recording.detail.get", {"interactionIds": [recording]})
    answer = firm.call("POST", "/ledger/proof", {"recordingId": recording})
    proven = answer.json()
    assert answer.headers["X-Total-Count"] == "3"
    assert len(proven) == 3
    folder = kept(firm, tmp_path / "copy")
    (folder / "proofs").mkdir()
    (folder / "proofs" / "recording.json").write_text(json.dumps(proven))
    code, said = verified(folder)
    assert code == 0, said
    assert said.count("HOLDS") == 5
    assert 'metadata = \'{"tags":["Complaint"]}\'' in said


def test_an_action_that_was_answered_is_in_the_checkpoint_that_is_asked_for_next(firm: Firm) -> None:
    sizes = []
    for number in range(3):
        firm.post("/admin/tag", {"tag": str(number)})
        sizes.append(int(firm.call("GET", "/ledger/checkpoint").text.splitlines()[1]))
    assert sizes == [sizes[0], sizes[0] + 1, sizes[0] + 2]


def test_a_log_begins_with_its_account(firm: Firm) -> None:
    created_and_signed_in = "2"
    assert firm.call("GET", "/ledger/checkpoint").text.splitlines()[1] == created_and_signed_in
    [first] = firm.post("/ledger/proof", {"auditHeaderId": 1})
    assert json.loads(b64decode(first["leaf"]))["description"] == "Create account"


def test_an_older_checkpoint_is_the_beginning_of_a_newer_one(firm: Firm, tmp_path: Path) -> None:
    firm.post("/admin/tag", {"tag": "first"})
    folder = kept(firm, tmp_path / "copy")
    (folder / "older").mkdir()
    (folder / "checkpoint.txt").rename(folder / "older" / "1.txt")
    for number in range(3):
        firm.post("/admin/tag", {"tag": str(number)})
    kept(firm, folder)
    size = int((folder / "checkpoint.txt").read_text().splitlines()[1])
    tile = firm.call("GET", f"/ledger/tile/0/000.p/{size}")
    (folder / "tile" / "0" / "000.p").mkdir(parents=True)
    (folder / "tile" / "0" / "000.p" / str(size)).write_bytes(tile.content)
    code, said = verified(folder)
    assert code == 0, said


@pytest.mark.parametrize(
    "path", ["0/000", "0/000.p/9", "63/000.p/1", "entries/000.p/9", "x", "0/1", "64/000"]
)
def test_what_no_checkpoint_has_is_not_there(firm: Firm, path: str) -> None:
    firm.post("/admin/tag", {"tag": "first"})
    firm.call("GET", "/ledger/checkpoint")
    assert firm.call("GET", f"/ledger/tile/{path}").status_code == 404


def test_an_action_on_hidden_recordings_is_not_there_and_its_rows_do_not_count(firm: Firm) -> None:
    call, meeting = firm.ingest(), firm.ingest(thirdPartyId="a meeting", type="teams")
    firm.post("/admin/accessPolicy", {"name": "Calls", "communicationTypes": ["phone"]})
    ann = firm.add_user("ann", [Right.LEDGER_VIEW, Right.RECORDING_VIEW])
    assert firm.call("PUT", f"/admin/user/{ann}", {"policies": ["Calls"]}).is_success
    firm.post("/client/recording.detail.get", {"interactionIds": [meeting]})
    firm.post("/client/recording.detail.get", {"interactionIds": [call, meeting]})
    looked = firm.post("/ledger/search", {"route": "/client/recording.detail.get"})
    hidden, both = sorted({row["auditHeaderId"] for row in looked})
    unknown = firm.call("POST", "/ledger/proof", {"auditHeaderId": 9999}, as_user="ann")
    answer = firm.call("POST", "/ledger/proof", {"auditHeaderId": hidden}, as_user="ann")
    assert answer.status_code == unknown.status_code == 404
    assert answer.json()["detail"] == unknown.json()["detail"].replace("9999", str(hidden))
    answer = firm.call("POST", "/ledger/proof", {"auditHeaderId": both}, as_user="ann")
    assert answer.headers["X-Total-Count"] == "1"
    assert len(answer.json()[0]["rows"]) == 1


@pytest.mark.parametrize("path", ["checkpoint", "key", "verify.py"])
def test_texts_say_once_how_they_are_encoded(firm: Firm, path: str) -> None:
    answer = firm.call("GET", f"/ledger/{path}")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("asked", "field"),
    [({"from": "2026-05-13", "to": "2026-05-12"}, "from"), ({"entityId": 1}, "entityName")],
)
def test_a_search_that_can_mean_nothing_is_refused(firm: Firm, asked: dict[str, object], field: str) -> None:
    answer = firm.call("POST", "/ledger/search", asked)
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, field)
