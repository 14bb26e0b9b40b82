"""Failed files are put back where they were found, whatever their names, and taken again."""

import os
from pathlib import Path

from earwitness.ingest.sources.descriptions import FolderRules
from earwitness.ingest.sources.file_names import Template
from earwitness.ingest.sources.watched_folder import WatchedFolder
from tests.firm import Firm, call
from tests.ingest.folders import files, put, take


def put_back(folder: Path) -> list[bool]:
    return [one.put_back() for one in WatchedFolder(folder, FolderRules()).failed()]


def test_a_failed_recording_goes_back_with_its_sidecar_and_without_its_reason(
    firm: Firm, folder: Path
) -> None:
    put(folder / "desk" / "a call.wav", b"heard", call(directoin="In"))
    take(firm, WatchedFolder(folder, FolderRules()))
    assert "failed/desk/a call.wav.reason.txt" in files(folder)
    put(folder / "failed" / "desk" / "a call.wav", b"heard", call())
    assert put_back(folder) == [True]
    assert files(folder) == {"desk/a call.wav", "desk/a call.json"}
    assert put_back(folder) == []
    assert take(firm, WatchedFolder(folder, FolderRules()))["desk/a call.wav"].accepted
    assert firm.search() == ["call-1"]


def test_the_number_before_a_name_is_removed_if_it_was_added(firm: Firm, folder: Path) -> None:
    watched = WatchedFolder(folder, FolderRules(template=Template("{start}_{from}"), sidecar_required=False))
    for name, content in (("odd.wav", b"1"), ("3-way.wav", b"2"), ("odd.wav", b"3"), ("3-way.wav", b"4")):
        put(folder / name, content)
        take(firm, watched)
    assert {path for path in files(folder) if path.endswith(".wav")} == {
        *("failed/odd.wav", "failed/2-odd.wav", "failed/3-way.wav", "failed/2-3-way.wav")
    }
    assert sorted(put_back(folder)) == [False, False, True, True], "a name is taken by one at a time"
    assert {path: (folder / path).read_bytes() for path in files(folder) if "/" not in path} == {
        "odd.wav": b"1",
        "3-way.wav": b"2",
    }
    for name in ("odd.wav", "3-way.wav"):
        (folder / name).unlink()
    assert put_back(folder) == [True, True]
    assert {path: (folder / path).read_bytes() for path in files(folder)} == {
        "odd.wav": b"3",
        "3-way.wav": b"4",
    }


def test_a_number_without_a_reason_is_removed_if_the_name_without_it_is_there(folder: Path) -> None:
    for name in ("call.wav", "2-call.wav", "3-way.wav"):
        put(folder / "failed" / name)
    put_back(folder)
    assert files(folder) == {"call.wav", "3-way.wav", "failed/2-call.wav"}


def test_links_in_the_folder_of_failed_files_are_left_alone(folder: Path) -> None:
    outside = put(folder.parent / "outside.wav")
    (folder / "failed").mkdir()
    (folder / "failed" / "call.wav").symlink_to(outside)
    (folder / "failed" / "linked").symlink_to(folder.parent)
    assert put_back(folder) == []


def test_names_of_any_bytes_and_lengths_are_put_back(firm: Firm, folder: Path) -> None:
    watched = WatchedFolder(folder, FolderRules(template=Template("{start}_{from}"), sidecar_required=False))
    names = {os.fsdecode(b"caf\xe9.wav"), f"{'x' * 251}.wav"}
    for name in names:
        put(folder / name)
    assert all(one.reason for one in take(firm, watched).values())
    assert len(files(folder)) == 4
    assert put_back(folder) == [True, True]
    assert files(folder) == names


def test_a_file_that_cannot_be_put_back_does_not_stop_the_others(folder: Path) -> None:
    for name in ("aside/closed.wav", "odd.wav", "whole.wav"):
        put(folder / "failed" / name)
    (folder / "aside").mkdir()
    (folder / "failed" / "odd.wav.reason.txt").mkdir()
    archive = [folder / "aside"]
    found = WatchedFolder(folder, FolderRules(), own=archive).failed()
    assert {one.name: one.put_back() for one in found} == {
        "failed/aside/closed.wav": False,
        "failed/odd.wav": True,
        "failed/whole.wav": True,
    }
    assert files(folder) == {"odd.wav", "whole.wav", "failed/aside/closed.wav"}
