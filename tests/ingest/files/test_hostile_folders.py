"""Users who may write in a watched folder can have recordings ingested, but cannot reach anything outside."""

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from earwitness.ingest.files.folders import DEEPEST, Folder, own_folders
from earwitness.ingest.files.regular_files import NotRegular, are_hard_links_safe
from earwitness.ingest.sources.call_records import CallRecords
from earwitness.ingest.sources.descriptions import FolderRules
from earwitness.ingest.sources.file_names import Template
from earwitness.ingest.sources.watched_folder import WatchedFolder
from earwitness.kernel.errors import Conflict
from earwitness.media.stores.disk import DiskStore
from tests.firm import Firm, call, tone
from tests.ingest.folders import ACTION, files, put, take

BY_NAME = FolderRules(template=Template("{start}_{from}_{to}_{id}.wav"), sidecar_required=False)
NAME = "20260512-103000_204_447700900111_id-1.wav"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPxq mallory"

AsItIsRead = Callable[[Callable[[], object]], None]


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """A folder beside the watched one, in which nothing may change."""
    outside = tmp_path / "outside"
    put(outside / NAME, b"not theirs")
    yield outside
    assert files(outside) == {NAME}
    assert (outside / NAME).read_bytes() == b"not theirs"


@pytest.fixture
def as_it_is_read(monkeypatch: pytest.MonkeyPatch) -> AsItIsRead:
    """Do something once, while the watcher reads a file."""

    def arrange(act: Callable[[], object]) -> None:
        new = DiskStore.new

        def act_first(store: DiskStore) -> Any:
            monkeypatch.setattr(DiskStore, "new", new)
            act()
            return new(store)

        monkeypatch.setattr(DiskStore, "new", act_first)

    return arrange


def swap(folder: Path, for_: Path) -> None:
    """Replace a folder by a link to `for_`."""
    folder.rename(folder.with_name(f".{folder.name}"))
    folder.symlink_to(for_)


def refused(firm: Firm, folder: Path, field: str) -> str:
    """The reason that is written for a sidecar with an unknown field of this name."""
    put(folder / "call.wav", tone(), call(**{field: 1}))
    outcome = take(firm, WatchedFolder(folder, FolderRules()))["call.wav"]
    (written,) = (folder / "failed").glob("*.reason.txt")
    assert written.read_text() == f"{outcome.reason}\n"
    return outcome.reason


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)  # the other is not in a file of ours
def test_a_reason_is_not_written_through_a_link_to_the_database(firm: Firm, folder: Path) -> None:
    database = firm.settings.data / "accounts" / "1234567" / "archive.db"
    before = database.read_bytes()
    (folder / "failed").mkdir()
    link = folder / "failed" / "call.wav.reason.txt"
    link.symlink_to(database)
    put(folder / "call.wav", tone(), call(directoin="In"))
    assert "directoin" in take(firm, WatchedFolder(folder, FolderRules()))["call.wav"].reason
    assert database.read_bytes() == before
    assert link.readlink() == database
    assert "directoin" in (folder / "failed" / "2-call.wav.reason.txt").read_text()
    firm.ingest(thirdPartyId="later")
    assert firm.search() == ["later"]


@pytest.mark.parametrize("is_there", [True, False])
def test_a_reason_is_not_written_through_a_link_to_a_file_of_keys(
    firm: Firm, folder: Path, tmp_path: Path, is_there: bool
) -> None:
    keys = tmp_path / "authorized_keys"
    if is_there:
        keys.write_text("ours\n")
    (folder / "failed").mkdir()
    (folder / "failed" / "call.wav.reason.txt").symlink_to(keys)
    put(folder / "call.wav", tone(), call(**{f"\n{KEY}\n": 1}))
    assert take(firm, WatchedFolder(folder, FolderRules()))["call.wav"].reason
    assert keys.read_text() == "ours\n" if is_there else not keys.exists()


@pytest.mark.parametrize(
    "text", [f"\n{KEY}\n", "\r\x1b[2Jcleared", "\u202egnp.exe", "\u2066a\u2069", "a\u2028b", "a\x85b", "a\0b"]
)
def test_a_reason_is_one_line_that_can_be_printed(firm: Firm, folder: Path, text: str) -> None:
    reason = refused(firm, folder, text)
    assert reason.isprintable()
    assert "\N{REPLACEMENT CHARACTER}" in reason
    assert "--retry-failed" in reason


def test_a_reason_is_not_as_long_as_the_sender_likes(firm: Firm, folder: Path) -> None:
    put(folder / "call.wav", tone(), call(**{f"{number}{'x' * 1000}": 1 for number in range(1000)}))
    reason = take(firm, WatchedFolder(folder, FolderRules()))["call.wav"].reason
    assert len(reason) < 2500
    assert "--retry-failed" in reason


def test_a_note_of_doubts_is_one_line_that_can_be_printed(firm: Firm, folder: Path) -> None:
    for content in (b"one", b"another"):
        put(folder / "call.wav", content, call(thirdPartyId="a\x1b[2J\u202eb"))
        note = take(firm, WatchedFolder(folder, FolderRules()))["call.wav"].note
    assert "another recording has the id" in note
    assert note.isprintable()


@pytest.mark.parametrize("way", ["symlink", "hard link"])
def test_the_lock_of_a_watcher_truncates_nothing(folder: Path, outside: Path, way: str) -> None:
    lock, target = folder / ".earwitness-watch", outside / NAME
    if way == "symlink":
        lock.symlink_to(target)
        with pytest.raises(NotRegular), WatchedFolder(folder, BY_NAME).locked():
            pass
    else:
        lock.hardlink_to(target)
        with WatchedFolder(folder, BY_NAME).locked():
            pass


def test_a_lock_that_is_a_pipe_is_refused(folder: Path) -> None:
    os.mkfifo(folder / ".earwitness-watch")
    with pytest.raises(NotRegular), WatchedFolder(folder, BY_NAME).locked():
        pass


def test_nobody_else_can_hold_the_lock(folder: Path) -> None:
    with WatchedFolder(folder, BY_NAME).locked():
        assert (folder / ".earwitness-watch").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["done", "failed"])
def test_done_and_failed_may_not_be_links(folder: Path, outside: Path, name: str) -> None:
    (folder / name).symlink_to(outside)
    with (
        pytest.raises(NotADirectoryError, match=f"{name} is a link"),
        WatchedFolder(folder, BY_NAME).locked(),
    ):
        pass


@pytest.mark.parametrize("below", ["", "desk"])
def test_nothing_is_moved_through_a_link_that_replaces_a_folder_meanwhile(
    firm: Firm, folder: Path, outside: Path, as_it_is_read: AsItIsRead, below: str
) -> None:
    file = put(folder / below / NAME)
    (folder / "done" / below).mkdir(parents=True)
    as_it_is_read(lambda: swap(folder / "done" / below, outside))
    outcome = take(firm, WatchedFolder(folder, BY_NAME))[str(PurePosixPath(below, NAME))]
    assert outcome.accepted
    assert f"It cannot be moved: {below or 'done'} is a link, or no folder." in outcome.reason
    assert file.exists()


def test_nothing_is_read_or_moved_through_a_link_that_replaces_its_folder(
    firm: Firm, folder: Path, outside: Path
) -> None:
    put(folder / "desk" / NAME)
    watched = WatchedFolder(folder, BY_NAME)
    watched.look()
    [found], _ = watched.look()
    swap(folder / "desk", outside)
    outcome = watched.ingest(firm.archive, found, ACTION)
    assert (outcome.waits, outcome.reason) == (True, "it is gone")
    assert firm.search() == []


def test_a_file_that_is_replaced_by_a_link_or_a_pipe_is_not_read(
    firm: Firm, folder: Path, outside: Path
) -> None:
    for make in (lambda path: path.symlink_to(outside / NAME), os.mkfifo):
        file = put(folder / NAME)
        watched = WatchedFolder(folder, BY_NAME)
        watched.look()
        [found], _ = watched.look()
        file.unlink()
        make(file)
        outcome = watched.ingest(firm.archive, found, ACTION)
        assert (outcome.waits, outcome.reason) == (True, "it is gone")
        file.unlink()
    assert firm.search() == []


def test_a_file_that_is_replaced_while_it_is_read_stays_and_is_taken_later(
    firm: Firm, folder: Path, as_it_is_read: AsItIsRead
) -> None:
    put(folder / NAME, b"one")
    other = put(folder.parent / "other.wav", b"another")
    as_it_is_read(lambda: other.rename(folder / NAME))
    watched = WatchedFolder(folder, BY_NAME)
    first = take(firm, watched)[NAME]
    assert first.accepted
    assert files(folder) == {NAME}, "what is there is another file, and was not taken"
    assert take(firm, watched)[NAME].accepted
    assert len(firm.search()) == 2
    assert files(folder) == {f"done/{NAME}"}


def test_nothing_outside_is_touched_while_folders_are_swapped_all_the_time(
    firm: Firm, folder: Path, outside: Path
) -> None:
    stop, desk, hidden, link = threading.Event(), folder / "desk", folder / ".real", folder / ".link"
    for number in range(60):
        put(desk / f"20260512-103000_204_205_{number}.wav", b"%d" % number)
    put(desk / NAME, b"theirs")
    link.symlink_to(outside)

    def swap_on() -> None:
        while not stop.is_set():
            for source, target in ((desk, hidden), (link, desk), (desk, link), (hidden, desk)):
                source.rename(target)

    attacker = threading.Thread(target=swap_on)
    attacker.start()
    try:
        watched = WatchedFolder(folder, BY_NAME)
        outcomes = [take(firm, watched) for _ in range(5)]
    finally:
        stop.set()
        attacker.join()
    take(firm, WatchedFolder(folder, BY_NAME))
    assert outcomes
    assert len(firm.search()) == 61
    assert not any("#" in id_ for id_ in firm.search()), "no file from outside is in the archive"


@pytest.mark.parametrize("name", ["call.json", "call.wav.reason.txt"])
def test_pipes_beside_a_file_are_not_waited_for(firm: Firm, folder: Path, name: str) -> None:
    put(folder / "call.wav")
    os.mkfifo(folder / name)
    assert "no sidecar" in take(firm, WatchedFolder(folder, FolderRules()))["call.wav"].reason
    put(folder / "failed" / "2-call.wav")
    os.mkfifo(folder / "failed" / "2-call.wav.reason.txt")
    assert [one.put_back() for one in WatchedFolder(folder, FolderRules()).failed()] == [True]


def test_a_failed_file_is_not_put_back_through_a_link(firm: Firm, folder: Path, outside: Path) -> None:
    put(folder / "failed" / "desk" / "call.wav")
    (folder / "desk").symlink_to(outside)
    assert [one.put_back() for one in WatchedFolder(folder, FolderRules()).failed()] == [False]
    assert files(folder) == {"failed/desk/call.wav"}


def test_a_file_that_grows_for_ever_is_not_taken(firm: Firm, folder: Path, as_it_is_read: AsItIsRead) -> None:
    """Such a file never ends, and would fill the disk."""
    file = put(folder / NAME)
    as_it_is_read(lambda: os.truncate(file, 1 << 42))
    outcome = take(firm, WatchedFolder(folder, BY_NAME))[NAME]
    assert outcome.waits
    assert list(firm.archive.store.names()) == []
    assert firm.search() == []


def test_folders_of_any_depth_do_not_end_the_watcher(firm: Firm, folder: Path) -> None:
    put(folder / NAME)
    at = os.open(folder, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=at)
        at, above = os.open("d", os.O_RDONLY, dir_fd=at), at
        os.close(above)
    os.close(at)
    try:
        assert take(firm, WatchedFolder(folder, BY_NAME))[NAME].accepted
    finally:
        subprocess.run(["rm", "-rf", folder / "d"], check=True)


def test_files_are_taken_down_to_the_documented_depth(firm: Firm, folder: Path) -> None:
    put(Path(folder, *["d"] * DEEPEST, NAME))
    put(Path(folder, *["e"] * (DEEPEST + 1), NAME))
    assert list(take(firm, WatchedFolder(folder, BY_NAME))) == [f"{'d/' * DEEPEST}{NAME}"]


def test_the_folders_of_the_archive_itself_are_never_taken_in(firm: Firm, tmp_path: Path) -> None:
    own = own_folders(firm.settings)
    before = [path for one in own for path in one.rglob("*") if path.is_file()]
    put(tmp_path / "memo.wav")
    reading = FolderRules(sidecar_required=False, take_anyway=True)
    assert list(take(firm, WatchedFolder(tmp_path, reading, own))) == ["memo.wav"]
    for folder in own:
        with (
            pytest.raises(PermissionError, match="archive itself"),
            WatchedFolder(folder, reading, own).locked(),
        ):
            pass
    assert all(path.is_file() for path in before)
    assert firm.search() == ["memo.wav"]


def test_a_folder_in_the_data_folder_can_be_watched(firm: Firm) -> None:
    inbox = firm.settings.data / "inbox"
    put(inbox / NAME)
    watched = WatchedFolder(inbox, BY_NAME, own_folders(firm.settings))
    assert take(firm, watched)[NAME].accepted


def test_a_folder_that_was_replaced_is_reported(firm: Firm, folder: Path) -> None:
    watched = WatchedFolder(folder, BY_NAME)
    shutil.move(folder, folder.with_name("old"))
    put(folder / NAME)
    with pytest.raises(Conflict, match="start the watcher again"):
        watched.look()
    shutil.rmtree(folder)
    with pytest.raises(Conflict, match="start the watcher again"):
        watched.look()


def test_call_records_that_are_a_pipe_are_refused(firm: Firm, folder: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "Master.csv")
    put(folder / NAME)
    with pytest.raises(NotRegular):
        WatchedFolder(folder, replace(BY_NAME, call_records=CallRecords(tmp_path / "Master.csv"))).look()


def test_hard_links_are_read_only_if_nobody_can_link_the_files_of_others(
    folder: Path, tmp_path: Path
) -> None:
    secret = put(tmp_path / "key", b"secret")
    (folder / NAME).hardlink_to(secret)
    with pytest.raises(PermissionError, match="hard link"):
        Folder(folder, takes_hard_links=False).open(PurePosixPath(NAME))
    with Folder(folder, takes_hard_links=True).open(PurePosixPath(NAME)) as file:
        assert file.read() == b"secret"
    secret.unlink()
    with Folder(folder, takes_hard_links=False).open(PurePosixPath(NAME)) as file:
        assert file.read() == b"secret"


@pytest.mark.parametrize(("written", "safe"), [("1\n", True), ("0\n", False), ("", False), (None, False)])
def test_the_systems_own_switch_says_whether_hard_links_are_safe(
    tmp_path: Path, written: str | None, safe: bool
) -> None:
    switch = tmp_path / "protected_hardlinks"
    if written is not None:
        switch.write_text(written)
    assert are_hard_links_safe(switch) is safe
