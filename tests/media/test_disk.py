"""Media on the disk: there whole or not at all, whatever dies in between."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from earwitness.kernel.errors import StorageFull
from earwitness.kernel.settings import SettingError, Settings
from earwitness.media.disk import DiskStore, ObjectMissing
from earwitness.media.stores import Store, Upload, open_store

CONTENT = os.urandom(100_000)

UPLOADER = """
import sys
from pathlib import Path
from earwitness.media.disk import DiskStore

def reached(step):
    print(step, upload.name, flush=True)
    sys.stdin.readline()

with DiskStore(Path(sys.argv[1])).new() as upload:
    reached("begun")
    upload.write(b"x" * 100_000)
    reached("written")
    upload.publish()
    reached("published")
    upload.keep()
    reached("kept")
"""
STEPS = ["begun", "written", "published", "kept"]


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    return DiskStore(tmp_path / "media")


@contextmanager
def uploader(folder: Path, step: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process with an upload that has come to `step`, and the upload's name."""
    command = [sys.executable, "-c", UPLOADER, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            while True:
                reached, name = process.stdout.readline().split()
                if reached == step:
                    break
                process.stdin.write("\n")
                process.stdin.flush()
            yield process, name
        finally:
            process.kill()


def add(store: Store, content: bytes = CONTENT) -> str:
    with store.new() as upload:
        upload.write(content)
        upload.publish()
        upload.keep()
    return upload.name


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def test_a_kept_object_is_there_and_reads_in_ranges(store: DiskStore) -> None:
    name = add(store)
    with store.open(name) as stored:
        assert stored.size == len(CONTENT)
        assert stored.read(10, 20) == CONTENT[10:20]
        assert stored.read(99_990, 200_000) == CONTENT[99_990:]
    assert store.exists(name)
    assert list(store.names()) == [name]


def test_an_object_is_readable_by_its_owner_alone(store: DiskStore, tmp_path: Path) -> None:
    add(store)
    (path,) = files(tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_names_are_random_and_listed_in_order(store: DiskStore) -> None:
    names = [add(store, b"") for _ in range(20)]
    assert len(set(names)) == 20
    assert list(store.names()) == sorted(names)


def test_what_is_not_kept_leaves_no_trace(store: DiskStore, tmp_path: Path) -> None:
    with store.new() as upload:
        upload.write(CONTENT)
    with store.new() as published:
        published.write(CONTENT)
        published.publish()
    assert not store.exists(upload.name)
    assert not store.exists(published.name)
    assert files(tmp_path) == []


def test_an_error_on_the_way_leaves_no_trace(store: DiskStore, tmp_path: Path) -> None:
    def fail(upload: Upload) -> None:
        upload.write(CONTENT)
        upload.publish()
        raise ConnectionError

    with pytest.raises(ConnectionError), store.new() as upload:
        fail(upload)
    assert files(tmp_path) == []


def test_only_what_is_published_can_be_kept(store: DiskStore, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="published"), store.new() as upload:
        upload.keep()
    assert files(tmp_path) == []


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("is_known", [True, False])
def test_after_a_kill_there_is_what_the_database_names_and_nothing_else(
    store: DiskStore, tmp_path: Path, step: str, is_known: bool
) -> None:
    folder = tmp_path / "media"
    with uploader(folder, step) as (process, name):
        process.send_signal(signal.SIGKILL)
        process.wait()
    store.sweep(lambda _: is_known)
    stays = step == "kept" or (step == "published" and is_known)
    assert list(store.names()) == ([name] if stays else [])
    assert len(files(folder)) == (1 if stays else 0)


@pytest.mark.parametrize("step", STEPS)
def test_a_sweep_leaves_the_uploads_of_living_processes_alone(
    store: DiskStore, tmp_path: Path, step: str
) -> None:
    with uploader(tmp_path / "media", step) as (process, name):
        assert store.sweep(lambda _: False) == 0
        process.communicate("\n" * len(STEPS))
        assert process.returncode == 0
    assert list(store.names()) == [name]


def test_a_sweep_leaves_uploads_of_its_own_process_alone(store: DiskStore) -> None:
    with store.new() as upload:
        upload.write(CONTENT)
        assert store.sweep(lambda _: False) == 0
        upload.publish()
        upload.keep()
    assert store.exists(upload.name)


@pytest.mark.parametrize("is_known", [True, False])
def test_a_commit_of_unknown_outcome_is_settled_by_the_next_sweep(store: DiskStore, is_known: bool) -> None:
    with store.new() as upload:
        upload.write(CONTENT)
        upload.publish()
        upload.leave()
    assert store.exists(upload.name)
    store.sweep(lambda name: is_known and name == upload.name)
    assert store.exists(upload.name) is is_known


def test_an_upload_never_replaces_another_object(
    store: DiskStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda size: "ab" * size)
    name = add(store)
    with pytest.raises(FileExistsError), store.new() as upload:
        upload.publish()
    with store.open(name) as stored:
        assert stored.read(0, stored.size) == CONTENT


def test_a_missing_object_is_told_apart(store: DiskStore) -> None:
    name = add(store)
    store.delete(name)
    store.delete(name)
    assert not store.exists(name)
    with pytest.raises(ObjectMissing):
        store.open(name)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "ab/cd/../../../x", "", "ab/cd"])
def test_a_name_is_never_a_path_elsewhere(store: DiskStore, name: str) -> None:
    add(store)
    assert not store.exists(name)
    with pytest.raises(ObjectMissing):
        store.open(name)
    with pytest.raises(ObjectMissing):
        store.delete(name)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_says_so_and_keeps_nothing(
    store: DiskStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def full(fd: int, data: bytes) -> int:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch, store.new() as upload:
        patch.setattr(os, "write", full)
        with pytest.raises(StorageFull):
            upload.write(CONTENT)
    assert files(tmp_path) == []


def test_reading_leaves_no_file_open(store: DiskStore) -> None:
    name = add(store)
    before = open_files()
    for _ in range(5):
        with store.open(name) as stored:
            stored.read(0, 10)
    assert open_files() == before


def test_each_account_has_its_own_folder(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    name = add(open_store(settings, 1234567))
    assert (tmp_path / "accounts" / "1234567" / "media" / name).is_file()
    assert not open_store(settings, 7654321).exists(name)


def test_a_place_that_is_not_supported_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="s3"):
        open_store(Settings(data=tmp_path, media_url="s3://bucket/prefix"), 1)
