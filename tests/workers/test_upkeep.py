"""Upkeep: every process settles what dead ones left and compares receipts, with jobs or without."""

import logging
import os
import secrets
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.receipts.alarm import alarm
from earwitness.archive.receipts.written import receipts_of
from earwitness.kernel.settings import Settings
from earwitness.media.stores.incoming import Incoming
from earwitness.workers.upkeep import Upkeep
from tests.archive.receipts.test_receipts import take_back
from tests.cli.running import running
from tests.firm import CLIENT_ID, Firm, tone
from tests.serving import administrator, server
from tests.test_crash import half_an_upload
from tests.unfit import OF_FILES, OF_SCHEMAS
from tests.waiting import until


def left_behind(settings: Settings) -> Path:
    """The empty marker of an upload whose process has died."""
    folder = settings.data / "accounts" / str(CLIENT_ID) / "media" / "incoming"
    folder.mkdir(parents=True, exist_ok=True)
    marker = folder / secrets.token_hex(16)
    marker.touch(0o600)
    return marker


def test_markers_of_dead_processes_are_removed_although_the_account_is_open(firm: Firm) -> None:
    firm.ingest(tone(0.1))
    marker = left_behind(firm.settings)
    accounts: Accounts = firm.app.state.installation.accounts
    accounts.open(CLIENT_ID)
    assert marker.exists()
    with firm.archive.store.new() as upload:
        upload.write(b"still coming")
        living = [path for path in marker.parent.iterdir() if path != marker]
        Upkeep(accounts).go_round()
        assert not marker.exists()
        assert [path.exists() for path in living] == [True]


def test_a_server_without_jobs_sweeps_without_being_asked_for_anything(settings: Settings) -> None:
    marker = left_behind(settings)
    with running(settings, "serve", "--no-jobs", "--port", 0):
        until(lambda: not marker.exists(), "the marker is gone", seconds=60)


def test_a_worker_beside_it_sweeps_too(settings: Settings) -> None:
    marker = left_behind(settings)
    with running(settings, "worker"):
        until(lambda: not marker.exists(), "the marker is gone", seconds=60)


def test_uploads_of_a_killed_server_without_jobs_are_settled_by_the_others(
    settings: Settings,
) -> None:
    credentials = administrator(settings)
    accounts = Accounts(settings)
    accounts.open(CLIENT_ID)
    incoming = settings.data / "accounts" / str(CLIENT_ID) / "media" / "incoming"
    upkeep = Upkeep(accounts, every_seconds=0.2)
    with server(settings, credentials) as served:
        half = half_an_upload(served)
        until(lambda: incoming.is_dir() and list(incoming.iterdir()), "the upload has begun")
        upkeep.start()
        os.killpg(served.process.pid, signal.SIGKILL)
        until(lambda: not list(incoming.iterdir()), "its marker is gone")
    half.close()
    upkeep.stop()
    accounts.close()


def test_a_database_that_was_replaced_by_an_older_one_is_noticed_within_a_round(
    firm: Firm, caplog: pytest.LogCaptureFixture
) -> None:
    newest = firm.ingest()
    take_back(firm, newest)
    with caplog.at_level(logging.ERROR):
        Upkeep(firm.app.state.installation.accounts).go_round()
    assert [one.third_party_id for one in alarm(receipts_of(firm.settings, CLIENT_ID))] == ["call-1"]
    assert "1 that were acknowledged" in caplog.text


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)  # PostgreSQL's is in tests/faults
def test_an_older_database_file_is_noticed_although_all_was_compared_before(
    settings: Settings, tmp_path: Path
) -> None:
    file = settings.data / "accounts" / str(CLIENT_ID) / "archive.db"
    with Firm(settings) as firm:
        kept = firm.ingest(thirdPartyId="kept")
        with closing(sqlite3.connect(file)) as there, closing(sqlite3.connect(tmp_path / "older")) as older:
            there.backup(older)
        firm.ingest(thirdPartyId="lost")
        upkeep = Upkeep(firm.app.state.installation.accounts)
        upkeep.go_round()
        (tmp_path / "older").rename(file)
        for beside in ("archive.db-wal", "archive.db-shm"):
            file.with_name(beside).unlink(missing_ok=True)
        upkeep.go_round()
        assert [one.third_party_id for one in alarm(receipts_of(settings, CLIENT_ID))] == ["lost"]
        assert firm.search() == ["kept"]
        assert firm.ingest(thirdPartyId="after") > kept + 1


def test_an_account_whose_upkeep_fails_does_not_affect_the_others(
    firm: Firm, caplog: pytest.LogCaptureFixture
) -> None:
    accounts: Accounts = firm.app.state.installation.accounts
    accounts.create(CLIENT_ID - 1, "Before")
    broken = firm.settings.data / "accounts" / str(CLIENT_ID - 1)
    broken.mkdir(parents=True, exist_ok=True)
    (broken / "receipts").mkdir(exist_ok=True)
    (broken / "receipts" / "current").mkdir()  # where there should be a file
    marker = left_behind(firm.settings)
    with caplog.at_level(logging.WARNING):
        Upkeep(accounts).go_round()
    assert not marker.exists()
    assert f"account {CLIENT_ID - 1}" in caplog.text


def test_the_log_says_of_a_refused_account_only_that_it_is_refused(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    damage, _ = OF_SCHEMAS["older tables"] if settings.database_url else OF_FILES["older tables"]
    mend = damage(settings, CLIENT_ID)
    left_behind(settings)
    accounts = Accounts(settings)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            Upkeep(accounts).go_round()
    accounts.close()
    mend()
    assert [one.levelname for one in caplog.records if "is refused" in one.message] == ["WARNING"]
    assert "upkeep of account" not in caplog.text


def test_looking_for_markers_changes_nothing(tmp_path: Path) -> None:
    incoming = Incoming(tmp_path / "incoming")
    assert not incoming.has_abandoned()
    marker = incoming.begin()
    assert not incoming.has_abandoned()
    marker.close()
    assert incoming.has_abandoned()
    assert list((tmp_path / "incoming").iterdir()) == [marker.path]
