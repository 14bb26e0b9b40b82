"""Media on a disk or in a bucket is there whole or not at all, whichever process dies meanwhile."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import obstore
import pytest

from earwitness.kernel.settings import SettingError, Settings
from earwitness.media.stores.bucket_store import PART_SIZE
from earwitness.media.stores.object_names import ObjectMissing
from earwitness.media.stores.store import ObjectUpload, Store, open_store
from tests.media.places import PLACES, S3_SERVERS, SHARED_PLACES, Place, place_of

CONTENT = os.urandom(100_000)
LARGE = os.urandom(1 << 20) * 20 + b"the end"
"""More than two parts of an object in a bucket."""

UPLOADER = """
import sys
from pathlib import Path
from tests.media.places import Place

def reached(step):
    print(step, upload.name, flush=True)
    sys.stdin.readline()

kind, folder, endpoint = sys.argv[1:]
with Place(kind, Path(folder), endpoint).store().new() as upload:
    reached("begun")
    upload.write(b"x" * 20_000_000)
    for part in getattr(upload, "_putting", ()):
        part.result()
    reached("written")
    upload.publish()
    reached("published")
    upload.keep()
    reached("kept")
"""
STEPS = ["begun", "written", "published", "kept"]


def _place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param not in S3_SERVERS:
        return place_of(request.param, tmp_path)
    return place_of("s3", tmp_path, request.getfixturevalue("s3_endpoint_of")(request.param))


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return _place(request, tmp_path)


@pytest.fixture(params=SHARED_PLACES)
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A place that other processes can use, too."""
    return _place(request, tmp_path)


@pytest.fixture
def store(place: Place) -> Store:
    return place.store()


@contextmanager
def uploader(place: Place, step: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process with an upload that has come to `step`, and the upload's name."""
    command = [sys.executable, "-c", UPLOADER, place.kind, str(place.folder), place.endpoint]
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root
    ) as process:
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


def read(store: Store, name: str) -> bytes:
    with store.open(name) as stored:
        return stored.read(0, stored.size)


def test_a_kept_object_can_be_read_in_ranges(store: Store) -> None:
    name = add(store)
    with store.open(name) as stored:
        assert stored.size == len(CONTENT)
        assert stored.read(10, 20) == CONTENT[10:20]
        assert stored.read(99_990, 200_000) == CONTENT[99_990:]
        room = bytearray(20)
        assert stored.read_into(99_990, memoryview(room)) == 10
        assert room == CONTENT[99_990:] + bytes(10)
    assert store.exists(name)
    assert list(store.names()) == [name]


def test_a_large_object_comes_back_however_it_is_read(store: Store) -> None:
    with store.new() as upload:
        for start in range(0, len(LARGE), 65_536):
            upload.write(LARGE[start : start + 65_536])
        upload.publish()
        upload.keep()
    with store.open(upload.name) as stored:
        assert stored.size == len(LARGE)
        for size in (1 << 20, 3_000_000, PART_SIZE, len(LARGE)):
            pieces = [stored.read(start, start + size) for start in range(0, len(LARGE), size)]
            assert b"".join(pieces) == LARGE
        for start in (PART_SIZE - 5, 2 * PART_SIZE - 5, 0, len(LARGE) - 5, len(LARGE), 123):
            assert stored.read(start, start + 10) == LARGE[start : start + 10]
    assert list(store.names()) == [upload.name]
    store.delete(upload.name)
    assert list(store.names()) == []


@pytest.mark.parametrize("size", [0, 1, PART_SIZE - 1, PART_SIZE, PART_SIZE + 1, 2 * PART_SIZE])
def test_an_object_of_any_size_is_whole(store: Store, size: int) -> None:
    assert read(store, add(store, LARGE[:size])) == LARGE[:size]


def test_names_are_random(store: Store) -> None:
    names = [add(store, b"") for _ in range(20)]
    assert len(set(names)) == 20
    assert sorted(store.names()) == sorted(names)


@pytest.mark.parametrize("content", [CONTENT, LARGE], ids=["small", "large"])
def test_an_upload_that_is_not_kept_leaves_nothing(place: Place, content: bytes) -> None:
    store = place.store()
    with store.new() as upload:
        upload.write(content)
    with store.new() as published:
        published.write(content)
        published.publish()
    assert not store.exists(upload.name)
    assert not store.exists(published.name)
    assert place.left() == []


@pytest.mark.parametrize("content", [CONTENT, LARGE], ids=["small", "large"])
def test_an_error_on_the_way_leaves_no_trace(place: Place, content: bytes) -> None:
    def fail(upload: ObjectUpload) -> None:
        upload.write(content)
        upload.publish()
        raise ConnectionError

    with pytest.raises(ConnectionError), place.store().new() as upload:
        fail(upload)
    assert place.left() == []


def test_only_a_published_object_can_be_kept(place: Place) -> None:
    with pytest.raises(ValueError, match="published"), place.store().new() as upload:
        upload.keep()
    assert place.left() == []


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("is_known", [True, False])
def test_after_a_kill_only_the_objects_that_the_database_names_are_left(
    shared: Place, step: str, is_known: bool
) -> None:
    with uploader(shared, step) as (process, name):
        process.send_signal(signal.SIGKILL)
        process.wait()
    shared.let_time_pass()
    store = shared.store()
    # The database names only what was published whole.
    is_named = is_known and step in {"published", "kept"}
    store.sweep(lambda _: is_named)
    stays = step == "kept" or is_named
    assert list(store.names()) == ([name] if stays else [])
    if stays:
        assert read(store, name) == b"x" * 20_000_000
        store.delete(name)
    assert shared.left() == []


def test_a_part_that_arrives_after_the_crash_is_found_by_the_next_sweep(
    s3_endpoint: str, tmp_path: Path
) -> None:
    place = place_of("s3", tmp_path, s3_endpoint)
    store = place.store()
    with uploader(place, "written") as (process, name):
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert store.sweep(lambda _: False) == 1
    assert not store.exists(name)
    obstore.put(place.bucket(), f"{name}/00001", b"late")
    place.let_time_pass()
    store.sweep(lambda _: False)
    assert place.left() == []


@pytest.mark.parametrize("step", STEPS)
def test_a_sweep_keeps_the_uploads_of_running_processes(shared: Place, step: str) -> None:
    store = shared.store()
    with uploader(shared, step) as (process, name):
        assert store.sweep(lambda _: False) == 0
        process.communicate("\n" * len(STEPS))
        assert process.returncode == 0
    assert list(store.names()) == [name]


def test_a_sweep_keeps_uploads_of_its_own_process(store: Store) -> None:
    with store.new() as upload:
        upload.write(CONTENT)
        assert store.sweep(lambda _: False) == 0
        upload.publish()
        upload.keep()
    assert store.exists(upload.name)


def test_objects_that_are_being_uploaded_are_not_listed(store: Store) -> None:
    with store.new() as upload:
        upload.write(LARGE)
        upload.publish()
        assert list(store.names()) == []
        upload.keep()
        assert list(store.names()) == [upload.name]


@pytest.mark.parametrize("is_known", [True, False])
def test_a_commit_of_unknown_outcome_is_settled_by_the_next_sweep(store: Store, is_known: bool) -> None:
    with store.new() as upload:
        upload.write(CONTENT)
        upload.publish()
        upload.leave()
    assert store.exists(upload.name)
    store.sweep(lambda name: is_known and name == upload.name)
    assert store.exists(upload.name) is is_known


def test_an_upload_never_replaces_another_object(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda size: "ab" * size)
    name = add(store)
    with pytest.raises(FileExistsError), store.new() as upload:
        upload.publish()
    store.sweep(lambda _: True)
    assert read(store, name) == CONTENT


def test_a_missing_object_has_an_error_of_its_own(store: Store) -> None:
    name = add(store)
    store.delete(name)
    store.delete(name)
    assert not store.exists(name)
    with pytest.raises(ObjectMissing):
        store.open(name)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "ab/cd/../../../x", "", "ab/cd"])
def test_a_name_is_never_used_as_another_path(store: Store, name: str) -> None:
    add(store)
    assert not store.exists(name)
    with pytest.raises(ObjectMissing):
        store.open(name)
    with pytest.raises(ObjectMissing):
        store.delete(name)


def test_each_account_has_its_own_folder(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    name = add(open_store(settings, 1234567))
    assert (tmp_path / "accounts" / "1234567" / "media" / name).is_file()
    assert not open_store(settings, 7654321).exists(name)


@pytest.mark.parametrize(
    "url", ["ftp://host/x", "s3", "s3://", "s3:///prefix", "s3://bucket?x=1", "s3://bucket/a#b"]
)
def test_an_unsupported_media_url_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingError, match="EARWITNESS_MEDIA_URL"):
        open_store(Settings(data=tmp_path, media_url=url), 1)
