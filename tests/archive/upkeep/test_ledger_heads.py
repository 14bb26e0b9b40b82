"""A database that an older copy was put in place of is noticed, by what others were shown of its ledger."""

import base64
import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from httpx2 import Response
from sqlalchemy import func, select

from earwitness.archive.ledger.notes.checkpoint import Checkpoint
from earwitness.archive.ledger.notes.keys import Kind, VerifierKey, verified
from earwitness.archive.ledger.notes.signed_note import SignedNote
from earwitness.archive.ledger.signing import signed_checkpoint, signer_of
from earwitness.archive.schema.ledger import ledger_checkpoints, ledger_leaves
from earwitness.kernel.settings import Settings
from tests.backups import Backup
from tests.cli.running import run, run_json
from tests.firm import CLIENT_ID, Firm, tone

TOKEN = "metrics"

Made = tuple[Settings, dict[str, str], Backup, Backup, int]


def checkpoint(firm: Firm) -> Checkpoint:
    answer = firm.call("GET", "/ledger/checkpoint")
    assert answer.status_code == 200, answer.text
    return Checkpoint.read(SignedNote.read(answer.content).text)


def is_refused(firm: Firm) -> bool:
    answer = firm.call("GET", "/ledger/checkpoint")
    if answer.status_code == 200:
        return False
    assert (answer.status_code, answer.json()["code"]) == (503, "ledger-forked")
    return True


def warnings(firm: Firm) -> list[str]:
    answer = firm.client.get("/readyz")
    assert answer.status_code == 200
    found: list[str] = answer.json().get("warnings", [])
    return found


def metrics(firm: Firm) -> str:
    return firm.client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text


def signed(firm: Firm) -> int:
    with firm.archive.read() as connection:
        return connection.scalar(select(func.count()).select_from(ledger_checkpoints)) or 0


@pytest.fixture
def made(settings: Settings, tmp_path: Path, postgres_url: str) -> Made:
    """An archive, its older copy and its newest one, and the size of the checkpoint that was given last."""
    with Firm(settings) as firm:
        firm.ingest(tone(), thirdPartyId="old")
        checkpoint(firm)
        keys = firm.keys
    older = Backup(settings, tmp_path, postgres_url)
    with Firm(settings, keys=keys) as firm:
        for number in range(5):
            firm.post("/admin/tag", {"tag": str(number)})
        size = checkpoint(firm).size
    newest = Backup(settings, tmp_path, postgres_url)
    older.bring_back()
    return settings, keys, older, newest, size


def forget_in_keys(settings: Settings) -> None:
    shutil.rmtree(settings.keys_folder / "ledger-heads")


def forget_in_store(settings: Settings) -> None:
    shutil.rmtree(settings.data / "ledger")


@pytest.mark.parametrize("forget", [None, forget_in_keys, forget_in_store], ids=["both", "store", "keys"])
def test_a_database_that_was_set_back_signs_nothing_and_goes_on(
    made: Made, forget: Callable[[Settings], None] | None
) -> None:
    settings, keys, _, _, size = made
    if forget:
        forget(settings)
    with Firm(replace(settings, metrics_token=TOKEN), keys=keys) as firm:
        assert is_refused(firm)
        before = signed(firm)
        for call in ({"auditHeaderId": 1}, {"recordingId": 1}):
            answer = firm.call("POST", "/ledger/proof", call)
            assert (answer.status_code, answer.json()["code"]) == (503, "ledger-forked")

        new = firm.ingest(tone(), thirdPartyId="new")
        assert set(firm.search()) == {"old", "new"}
        assert firm.call("GET", f"/client/recording/{new}/media?format=raw").content == tone()
        firm.work()
        assert signed(firm) == before
        assert warnings(firm) == ["ledger"]
        assert "earwitness_ledgers_forked 1.0" in metrics(firm)
        assert is_refused(firm)
    [row] = run_json(settings, "status")["accounts"]
    assert row["ledger"]["forkedAt"] == size
    assert f"ledger recover {CLIENT_ID}" in run(settings, "status").stdout


def test_a_worker_notices_it_although_nobody_asks(made: Made, caplog: pytest.LogCaptureFixture) -> None:
    settings, keys, _, _, size = made
    with Firm(settings, keys=keys) as firm, caplog.at_level(logging.ERROR):
        firm.post("/admin/tag", {"tag": "after"})
        firm.work()
        assert warnings(firm) == ["ledger"]
    assert f"does not go on from the checkpoint of {size} actions" in caplog.text


def test_the_right_database_ends_it(made: Made) -> None:
    settings, keys, _, newest, size = made
    with Firm(settings, keys=keys) as firm:
        assert is_refused(firm)
    newest.bring_back()
    with Firm(settings, keys=keys) as firm:
        assert checkpoint(firm).size >= size
        firm.work()
        assert warnings(firm) == []


def test_a_database_that_went_on_by_itself_is_noticed_too(made: Made) -> None:
    """It has more actions than were shown, but others."""
    settings, keys, _, _, size = made
    kept = [settings.keys_folder / "ledger-heads", settings.data / "ledger"]
    for one in kept:
        one.rename(one.with_name("away"))
    with Firm(settings, keys=keys) as firm:
        for number in range(9):
            firm.post("/admin/tag", {"tag": f"other {number}"})
        assert checkpoint(firm).size > size
    for one in kept:
        shutil.rmtree(one)
        one.with_name("away").rename(one)
    with Firm(settings, keys=keys) as firm:
        assert is_refused(firm)


def test_a_new_log_names_the_last_checkpoint_of_the_old_one(made: Made, tmp_path: Path) -> None:
    settings, keys, older, _, size = made
    told = run_json(settings, "ledger", "recover", CLIENT_ID)
    assert told["previous"]["size"] == size
    assert told["origin"] == told["previous"]["origin"] + "/2"
    with Firm(settings, keys=keys) as firm:
        answer = firm.call("GET", "/ledger/checkpoint")
        note = SignedNote.read(answer.content)
        assert verified(note, [VerifierKey.read(told["verifierKey"], Kind.LOG)])
        assert firm.call("GET", "/ledger/key").text.strip() == told["verifierKey"]
        assert warnings(firm) == []
        with firm.archive.read() as connection:
            leaves = [json.loads(one) for one in connection.scalars(select(ledger_leaves.c.leaf))]
        [new] = [one for one in leaves if one["type"] == "recover"]
        assert new["previous"] == told["previous"]
        assert checkpoint(firm).origin == told["origin"]

    # Whoever brings the old database back once more is found out as well, and the next log is the third.
    older.bring_back()
    with Firm(settings, keys=keys) as firm:
        assert is_refused(firm)
    assert run_json(settings, "ledger", "recover", CLIENT_ID)["origin"].endswith("/3")


def test_copies_begin_anew_after_each_database_that_was_restored(made: Made) -> None:
    settings, keys, older, _, _ = made
    place = 0
    for _ in range(2):
        run_json(settings, "ledger", "recover", CLIENT_ID)
        with Firm(settings, keys=keys) as firm:
            assert not place or changes(firm, place).json()["code"] == "resync-needed"
            firm.ingest(thirdPartyId="after it")
            first = changes(firm, 0).json()
            place = first["next"]
            assert first["complete"]
            assert changes(firm, place).json() == {"changes": [], "next": place, "complete": True}
            checkpoint(firm)
        assert "Counter" not in run(settings, "ledger", "verify", CLIENT_ID, "--json").stdout
        older.bring_back()


def changes(firm: Firm, since: int) -> Response:
    return firm.call("GET", "/client/changes", params={"since": since})


def test_a_log_that_goes_on_is_not_replaced(firm: Firm) -> None:
    before = checkpoint(firm)
    refused = run(firm.settings, "ledger", "recover", CLIENT_ID)
    assert refused.exit_code == 1
    assert "nothing to recover" in refused.stderr
    assert checkpoint(firm).origin == before.origin


def test_a_server_with_its_key_in_a_setting_knows_it_by_the_store(made: Made) -> None:
    settings, keys, _, _, _ = made
    key = base64.b64decode((settings.keys_folder / "ledger.key").read_text())
    forget_in_keys(settings)
    (settings.keys_folder / "ledger.key").unlink()
    by_setting = replace(settings, ledger_key=base64.b64encode(key).decode())
    with Firm(by_setting, keys=keys) as firm:
        assert is_refused(firm)


def heads(settings: Settings) -> list[Path]:
    folders = settings.keys_folder / "ledger-heads", settings.data / "ledger"
    return [file for folder in folders for file in folder.iterdir() if not file.name.startswith(".")]


def test_a_place_that_is_damaged_is_said_and_written_anew(
    firm: Firm, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoint(firm)
    in_keys, in_store = heads(firm.settings)
    in_keys.write_bytes(b"\xff")
    firm.post("/admin/tag", {"tag": "new"})
    newest = checkpoint(firm)
    assert "the folder of keys does not keep the last checkpoint of the ledger: it is damaged" in caplog.text
    for file in (in_keys, in_store):
        assert Checkpoint.read(SignedNote.read(file.read_bytes()).text) == newest


def test_a_larger_head_that_nobody_signed_stops_nothing(firm: Firm, caplog: pytest.LogCaptureFixture) -> None:
    checkpoint(firm)
    for file in heads(firm.settings):
        origin, _, rest = file.read_text().split("\n", 2)
        file.write_text(f"{origin}\n900000\n{rest}")
    firm.post("/admin/tag", {"tag": "new"})
    firm.archive.log.compared_at = -1_000.0
    newest = checkpoint(firm)
    assert "it is damaged" in caplog.text
    for file in heads(firm.settings):
        assert Checkpoint.read(SignedNote.read(file.read_bytes()).text) == newest


def test_the_head_of_another_account_stops_nothing(firm: Firm, caplog: pytest.LogCaptureFixture) -> None:
    newest = checkpoint(firm)
    key = firm.app.state.installation.accounts.identity.ledger_key()
    other = signed_checkpoint(signer_of("earwitness.invalid/another-account", key), 900_000, bytes(32))
    for file in heads(firm.settings):
        file.write_bytes(other.encode())
    firm.archive.log.compared_at = -1_000.0
    assert checkpoint(firm).size >= newest.size
    assert "it is damaged" in caplog.text


def test_what_no_place_keeps_is_given_to_nobody(firm: Firm) -> None:
    checkpoint(firm)
    for file in heads(firm.settings):
        shutil.rmtree(file.parent)
        file.parent.write_text("a file is in the way")
    firm.post("/admin/tag", {"tag": "new"})
    answer = firm.call("GET", "/ledger/checkpoint")
    assert answer.status_code == 503
    assert "cannot be kept apart from the database" in answer.json()["detail"]
    for folder in (firm.settings.keys_folder / "ledger-heads", firm.settings.data / "ledger"):
        folder.unlink()
    assert checkpoint(firm).size > 0


def test_the_name_of_a_ledger_is_fixed_with_its_first_checkpoint(settings: Settings) -> None:
    with Firm(replace(settings, ledger_origin="archive.example.com")) as firm:
        first = checkpoint(firm)
        keys = firm.keys
    with Firm(replace(settings, ledger_origin="other.example.com"), keys=keys) as firm:
        firm.post("/admin/tag", {"tag": "new"})
        assert checkpoint(firm).origin == first.origin
    assert first.origin.startswith("archive.example.com/")


def test_a_server_with_another_key_does_not_start(settings: Settings) -> None:
    with Firm(settings) as firm:
        checkpoint(firm)
    other = base64.b64encode(bytes(32)).decode()
    refused = run(replace(settings, ledger_key=other), "ledger", "checkpoint", CLIENT_ID)
    assert refused.exit_code == 1
    assert "The key for ledgers of this server is not the one that the archive uses." in refused.stderr
