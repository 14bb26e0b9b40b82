"""Full disks and missing databases are reported as such, nothing is lost, and afterwards all works again."""

import errno
import os
import resource
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from shutil import copytree, rmtree

import httpx2
import pytest
from sqlalchemy import Connection, event, select

from earwitness.archive.database import engines
from earwitness.archive.integrity.objects import Sample, check, orphans
from earwitness.archive.schema.recordings import recordings
from earwitness.kernel.settings import Settings
from tests.cli.running import run, running
from tests.firm import CLIENT_ID, Firm, call, tone
from tests.postgres import gone
from tests.waiting import until

MIB = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB, where this process may mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "none", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root may mount a small file system")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """Leave no room on the file system of a folder."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (MIB, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
    try:
        yield
    finally:
        ballast.unlink()


def assert_no_room(answer: httpx2.Response) -> None:
    assert (answer.status_code, answer.json()["code"]) == (507, "storage-full"), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def assert_sound(firm: Firm, count: int) -> None:
    """Check that every recording is there and whole, and that no file is left that belongs to none."""
    assert len(firm.search(pageSize=1000)) == count
    assert [one.damage for one in check(firm.archive, Sample(""))] == [None] * count
    assert list(orphans(firm.archive)) == []
    incoming = firm.settings.data / "accounts" / str(firm.archive.client_id) / "media" / "incoming"
    assert list(incoming.iterdir()) == []


def test_recordings_are_refused_on_a_full_disk_and_taken_when_it_has_room(
    settings: Settings, small_disk: Path
) -> None:
    copytree(settings.data, small_disk / "data")
    with Firm(replace(settings, data=small_disk / "data", min_free_mib=1)) as firm:
        firm.ingest(tone(), thirdPartyId="before")
        token = firm.headers()
        with full(small_disk):
            assert_no_room(firm.send(call(thirdPartyId="refused"), os.urandom(3 * MIB)))
            assert firm.client.get("/healthz").status_code == 200
            assert firm.client.get("/readyz").json()["missing"][-1] == "disk"
            if not settings.database_url:
                for number in range(3):
                    assert_no_room(firm.send(call(thirdPartyId=f"long-{number}", analysis=["x" * 9000] * 99)))
                play = {"thirdPartyId": "before", "format": "raw"}
                url = "/api/client/recording.playBackByThirdPartyId"
                assert firm.client.post(url, json=play, headers=token).status_code in (200, 507)
        assert firm.client.get("/readyz").status_code == 200
        assert firm.search() == ["before"]
        assert firm.send(call(thirdPartyId="refused"), os.urandom(3 * MIB)).status_code == 201
        assert_sound(firm, 2)


def test_no_acknowledged_recording_is_lost_when_the_disk_fills_up(
    settings: Settings, small_disk: Path
) -> None:
    copytree(settings.data, small_disk / "data")
    with Firm(replace(settings, data=small_disk / "data", min_free_mib=1)) as firm:
        answers = {
            f"call-{number}": firm.send(call(thirdPartyId=f"call-{number}"), os.urandom(400_000)).status_code
            for number in range(80)
        }
        assert set(answers.values()) == {201, 507}
        acknowledged = {name for name, status in answers.items() if status == 201}
        ballast = sorted(firm.archive.store.names())
        assert len(ballast) == len(acknowledged)
        subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
        assert set(firm.search(pageSize=1000)) == acknowledged
        assert_sound(firm, len(acknowledged))
        assert firm.send(call(thirdPartyId="after"), os.urandom(400_000)).status_code == 201


@contextmanager
def database_without_room(firm: Firm) -> Iterator[None]:
    """Make the database refuse what needs more space, as it does on a full disk."""
    engine = firm.archive.engine
    if engine.dialect.name == "postgresql":
        with firm.archive.write() as connection:
            connection.exec_driver_sql(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION"
                " 'could not extend file' USING ERRCODE = '53100'; END $$"
            )
            schema = f"account_{firm.archive.client_id}"
            connection.exec_driver_sql(
                f"CREATE TRIGGER refuse BEFORE INSERT ON {schema}.recordings EXECUTE FUNCTION refuse()"
            )
        yield
        with firm.archive.write() as connection:
            connection.exec_driver_sql(f"DROP TRIGGER refuse ON {schema}.recordings")
        return

    def limit(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")  # no more pages than there are now

    event.listen(engine, "begin", limit)
    yield
    event.remove(engine, "begin", limit)
    engine.dispose()  # the limit is of each connection


def test_a_database_without_room_acknowledges_nothing_and_keeps_no_media(firm: Firm) -> None:
    firm.ingest(tone(), thirdPartyId="before")
    large = call(thirdPartyId="refused", analysis=["x" * 9000] * 50)
    with database_without_room(firm):
        for _ in range(3):
            assert_no_room(firm.send(large, tone()))
        assert firm.search() == ["before"]
        assert len(list(firm.archive.store.names())) == 1
    assert firm.send(large, tone()).status_code == 201
    assert_sound(firm, 2)


@pytest.fixture
def served(settings: Settings) -> Iterator[Firm]:
    """A firm with the job loop of its server."""
    with Firm(replace(settings, jobs=True)) as firm:
        yield firm


on_postgres = pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
"""A SQLite file does not go away."""


@on_postgres
def test_without_its_database_a_server_answers_503_and_later_works_again(
    served: Firm, postgres_url: str
) -> None:
    served.ingest(tone(), thirdPartyId="before")
    token = served.headers()
    with gone(served.settings.database_url, postgres_url):
        for _ in range(3):
            answers = [
                served.send(call(thirdPartyId="during"), tone()),
                served.client.post("/api/client/recording.search", json={}, headers=token),
                served.client.post("/api/authWithApiKey", json={"clientId": 1, "username": "", "apiKey": ""}),
            ]
            assert [answer.status_code for answer in answers] == [503] * 3
            assert all(int(answer.headers["retry-after"]) > 0 for answer in answers)
            assert all("postgres" not in answer.text for answer in answers)
        assert served.client.get("/readyz").json()["missing"] == ["database"]
    assert served.send(call(thirdPartyId="during"), tone()).status_code == 201
    assert served.client.get("/readyz").status_code == 200
    until(lambda: not waiting(served), "the job loop goes on by itself")
    assert sorted(served.search()) == ["before", "during"]


@on_postgres
def test_broken_connections_are_replaced_without_an_error(served: Firm, postgres_url: str) -> None:
    served.ingest(thirdPartyId="before")
    for number in range(3):
        with gone(served.settings.database_url, postgres_url):
            pass
        assert served.send(call(thirdPartyId=f"after-{number}")).status_code == 201


def test_a_locked_database_is_answered_503_and_later_works_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "BUSY_MS", 50)
    with Firm(settings) as firm:
        firm.ingest(tone(), thirdPartyId="before")
        with firm.archive.write():
            refused = firm.send(call(thirdPartyId="during"), tone())
            assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
            assert int(refused.headers["retry-after"]) > 0
            assert firm.search() == ["before"]
        assert firm.send(call(thirdPartyId="during"), tone()).status_code == 201
        firm.work()
        assert len(list(firm.archive.store.names())) == 4


def waiting(firm: Firm) -> list[str]:
    """The recordings that are not processed yet."""
    with firm.archive.read() as connection:
        query = select(recordings.c.third_party_id).where(recordings.c.status == "received")
        return list(connection.scalars(query))


@contextmanager
def read_only(disk: Path) -> Iterator[None]:
    """Remount a file system read-only, as the system itself does with a damaged one."""
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)


def assert_unavailable(answer: httpx2.Response) -> None:
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), answer.text
    assert answer.headers["retry-after"]


def test_a_read_only_disk_is_answered_503_and_later_works_again(
    settings: Settings, small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    media = settings.data / "accounts" / str(CLIENT_ID) / "media"
    media.parent.mkdir(parents=True, exist_ok=True)
    media.symlink_to(small_disk)
    with Firm(settings) as firm:
        firm.ingest(tone(), thirdPartyId="before")
        with read_only(small_disk):
            assert_unavailable(firm.send(call(thirdPartyId="refused"), tone()))
            assert "EROFS, Read-only file system" in str([vars(line) for line in caplog.records])
            assert firm.search() == ["before"]
        assert firm.send(call(thirdPartyId="refused"), tone()).status_code == 201
        assert_sound(firm, 2)


@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)  # without a log SQLite cannot be read so
def test_a_server_starts_on_a_disk_that_takes_no_writes_and_is_ready_once_it_does(
    settings: Settings, small_disk: Path
) -> None:
    data = Path(copytree(settings.data, small_disk / "data", dirs_exist_ok=True))
    elsewhere = replace(settings, data=data, min_free_mib=1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def ready() -> httpx2.Response | None:
        with suppress(httpx2.TransportError):
            return httpx2.get(f"http://127.0.0.1:{port}/readyz", timeout=30)
        return None

    with running(elsewhere, "serve", "--port", port) as process:
        until(lambda: (found := ready()) and found.is_success, "the server is ready", seconds=60)
        process.terminate()
        process.wait()
    with read_only(small_disk), running(elsewhere, "serve", "--port", port):
        until(lambda: ready() is not None, "the server answers", seconds=60)
        refused = ready()
        assert refused is not None
        assert (refused.status_code, "media" in refused.json()["missing"]) == (503, True)


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_an_account_on_a_disk_that_takes_no_writes_is_refused_with_that_cause(
    settings: Settings, small_disk: Path
) -> None:
    folder = settings.data / "accounts" / str(CLIENT_ID)
    copytree(folder, small_disk / "moved")
    rmtree(folder)
    folder.symlink_to(small_disk / "moved")
    with read_only(small_disk):
        assert "its archive.db: Read-only file system" in run(settings, "status").output
    assert "Read-only" not in run(settings, "status").output


def test_without_a_free_file_descriptor_a_call_is_answered_503(settings: Settings) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Firm(settings) as firm:
        firm.ingest(tone(), thirdPartyId="before")
        used = 1 + max(int(fd.name) for fd in Path("/proc/self/fd").iterdir())
        resource.setrlimit(resource.RLIMIT_NOFILE, (used, before[1]))
        held: list[int] = []
        try:
            with suppress(OSError):
                while True:
                    held.append(os.dup(0))
            assert_unavailable(firm.send(call(thirdPartyId="refused"), tone()))
        finally:
            for fd in held:
                os.close(fd)
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        assert firm.send(call(thirdPartyId="refused"), tone()).status_code == 201
        assert_sound(firm, 2)
