"""Media on the disk: it is durable and private, and a full disk is reported."""

import errno
import os
from pathlib import Path

import pytest

from earwitness.kernel.errors import StorageFull
from earwitness.media.stores.disk import DiskStore

CONTENT = os.urandom(100_000)


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    return DiskStore(tmp_path / "media")


def add(store: DiskStore) -> str:
    with store.new() as upload:
        upload.write(CONTENT)
        upload.publish()
        upload.keep()
    return upload.name


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def test_only_its_owner_can_read_an_object(store: DiskStore, tmp_path: Path) -> None:
    add(store)
    (path,) = files(tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_reported_and_keeps_nothing(
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
