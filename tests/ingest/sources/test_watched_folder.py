"""A watched folder: finished files are ingested once, moved away, and never lost."""

import errno
import json
import os
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from earwitness.ingest.sources.call_records import CallRecords
from earwitness.ingest.sources.descriptions import FolderRules
from earwitness.ingest.sources.file_names import ASTERISK, Template
from earwitness.ingest.sources.watched_folder import WatchedFolder
from earwitness.kernel.errors import Conflict, StorageFull
from earwitness.media.stores.disk import DiskStore
from tests.firm import Firm, call, tone
from tests.ingest.folders import files, put, take

BY_NAME = FolderRules(template=Template("{start}_{from}_{to}_{id}.wav"), sidecar_required=False)
NAME = "20260512-103000_204_447700900111_id-1.wav"


def test_a_recording_with_its_sidecar_is_taken_in_whole_and_moved(firm: Firm, folder: Path) -> None:
    media = tone(2.0)
    put(folder / "desk" / "a call.wav", media, call(thirdPartyId="side-1", tags=["desk"]))
    with WatchedFolder(folder, FolderRules()).locked():
        outcome = take(firm, WatchedFolder(folder, FolderRules()))["desk/a call.wav"]
    assert outcome.accepted
    assert outcome.accepted.is_new
    assert files(folder) == {"done/desk/a call.wav", "done/desk/a call.json"}
    [found] = firm.post("/client/recording.search", {})["recordings"]
    assert (found["thirdPartyId"], found["tags"]) == ("side-1", ["desk"])
    played = firm.call(
        "POST", "/client/recording.playBackByThirdPartyId", {"thirdPartyId": "side-1", "format": "raw"}
    )
    assert played.content == media


def test_a_file_waits_for_its_sidecar(firm: Firm, folder: Path) -> None:
    watched = WatchedFolder(folder, FolderRules())
    file = put(folder / "call.wav")
    assert "no sidecar" in take(firm, watched)["call.wav"].reason
    put(file, sidecar=call())
    assert take(firm, watched)["call.wav"].accepted
    assert firm.search() == ["call-1"]


def test_a_sidecar_may_carry_the_whole_name_of_its_file(firm: Firm, folder: Path) -> None:
    put(folder / "call.wav")
    put(folder / "call.mp3", b"other")
    (folder / "call.wav.json").write_text(json.dumps(call(thirdPartyId="of the wav")))
    (folder / "call.mp3.json").write_text(json.dumps(call(thirdPartyId="of the mp3")))
    take(firm, WatchedFolder(folder, FolderRules()))
    assert sorted(firm.search()) == ["of the mp3", "of the wav"]


def test_a_file_that_still_changes_is_left_alone(firm: Firm, folder: Path) -> None:
    watched = WatchedFolder(folder, BY_NAME)
    file = put(folder / NAME, b"the beginning")
    ready, waiting = watched.look()
    assert (ready, len(waiting)) == ([], 1)
    with file.open("ab") as writing:
        writing.write(b" and more")
        writing.flush()
        assert watched.look()[0] == []
        assert watched.look()[0] == [], "it is still open"
    assert [found.media.path.name for found in watched.look()[0]] == [file.name]


def test_a_file_that_changes_while_it_is_read_is_not_taken(
    firm: Firm, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = put(folder / NAME, b"the beginning")
    watched = WatchedFolder(folder, BY_NAME)
    new = DiskStore.new

    def grow(store: DiskStore) -> Any:
        with file.open("ab") as writing:
            writing.write(b" and more")
        return new(store)

    monkeypatch.setattr(DiskStore, "new", grow)
    [outcome] = take(firm, watched).values()
    assert outcome.waits
    monkeypatch.undo()
    assert firm.search() == []
    [outcome] = take(firm, watched).values()
    assert outcome.accepted
    assert len(list(firm.archive.store.names())) == 1


def test_a_file_waits_for_an_incomplete_sidecar_for_a_minute(firm: Firm, folder: Path) -> None:
    watched = WatchedFolder(folder, FolderRules())
    file = put(folder / "call.wav")
    sidecar = file.with_suffix(".json")
    sidecar.write_text(json.dumps(call())[:-1])
    assert take(firm, watched)["call.wav"].waits
    os.utime(sidecar, (0, 0))
    outcome = take(firm, watched)["call.wav"]
    assert not outcome.waits
    assert "JSON" in outcome.reason
    assert "failed/call.wav.reason.txt" in files(folder)


def test_a_sidecar_that_cannot_be_read_fails_and_does_not_stop_the_others(
    firm: Firm, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = put(folder / "a.wav", sidecar=call(thirdPartyId="a")).with_suffix(".json")
    put(folder / "b.wav", sidecar=call(thirdPartyId="b"))
    opened = os.open

    def refuse(path: Any, *rest: Any, **named: Any) -> int:
        if path == closed.name:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return opened(path, *rest, **named)

    monkeypatch.setattr(os, "open", refuse)
    outcomes = take(firm, WatchedFolder(folder, FolderRules()))
    assert outcomes["a.wav"].reason == (
        "It cannot be read: Permission denied. Once it can be read, --retry-failed takes it."
    )
    assert not outcomes["a.wav"].waits
    assert outcomes["b.wav"].accepted


def test_a_file_that_cannot_be_looked_at_does_not_stop_the_others(
    firm: Firm, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale, _ = put(folder / f"a{NAME}"), put(folder / NAME)
    looked = os.stat

    def refuse(path: Any, **named: Any) -> os.stat_result:
        if path == stale.name:
            raise OSError(errno.ESTALE, "Stale file handle")
        return looked(path, **named)

    monkeypatch.setattr(os, "stat", refuse)
    outcomes = take(firm, WatchedFolder(folder, BY_NAME))
    assert list(outcomes) == [NAME]
    assert outcomes[NAME].accepted


def test_a_file_that_cannot_be_taken_fails_with_the_reason(firm: Firm, folder: Path) -> None:
    put(folder / "call.wav", sidecar=call(directoin="In"))
    put(folder / "desk" / "list.wav", sidecar=[1])
    outcomes = take(firm, WatchedFolder(folder, FolderRules()))
    assert outcomes.keys() == {"call.wav", "desk/list.wav"}
    assert all(one.reason and not one.waits for one in outcomes.values())
    reason = (folder / "failed" / "call.wav.reason.txt").read_text()
    assert "directoin" in reason
    assert "direction?" in reason
    assert files(folder) == {
        *("failed/call.wav", "failed/call.json", "failed/call.wav.reason.txt"),
        *("failed/desk/list.wav", "failed/desk/list.json", "failed/desk/list.wav.reason.txt"),
    }
    assert firm.search() == []


def test_other_recordings_of_the_same_id_are_taken_under_ids_of_their_own(firm: Firm, folder: Path) -> None:
    watched = WatchedFolder(folder, BY_NAME)
    sent = (b"one", b"another", b"yet another", b"another")
    outcomes = []
    for content in sent:
        put(folder / NAME, content)
        outcomes.append(take(firm, watched)[NAME])
    taken = [one.accepted for one in outcomes if one.accepted]
    assert [one.is_new for one in taken] == [True, True, True, False]
    first, second, third, again = (one.third_party_id for one in taken)
    assert first == "id-1"
    assert second.startswith("id-1#")
    assert third.startswith("id-1#")
    assert again == second != third
    assert "another recording has the id id-1" in outcomes[1].note
    assert sorted(firm.search()) == sorted((first, second, third))
    wanted = {"thirdPartyId": second, "format": "raw"}
    assert firm.call("POST", "/client/recording.playBackByThirdPartyId", wanted).content == b"another"
    kept = {path: (folder / path).read_bytes() for path in files(folder)}
    assert list(kept.values()).count(b"another") == 2
    assert all(path.startswith("done/") for path in kept)


def test_two_files_of_one_call_share_their_sidecar(firm: Firm, folder: Path) -> None:
    put(folder / "call.wav", b"as wav", call())
    put(folder / "call.mp3", b"as mp3")
    os.utime(folder / "call.json", (0, 0))
    (folder / "call.json").chmod(0o640)
    outcomes = take(firm, WatchedFolder(folder, FolderRules()))
    assert all(one.accepted for one in outcomes.values())
    assert len(firm.search()) == 2
    for name in ("call.json", "2-call.json"):
        status = (folder / "done" / name).stat()
        assert (status.st_mode & 0o777, status.st_mtime) == (0o640, 0)
    names = ("call.wav", "call.mp3", "call.json", "2-call.json")
    assert len(files(folder)) == len(names)
    assert all(path.startswith("done/") for path in files(folder))


def test_a_file_that_was_taken_but_not_moved_is_moved_by_the_next_watcher(
    firm: Firm, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder / NAME)

    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "rename", die)
    with suppress(KeyboardInterrupt):
        take(firm, WatchedFolder(folder, BY_NAME))
    monkeypatch.undo()
    assert (files(folder), firm.search()) == ({NAME}, ["id-1"])
    outcome = take(firm, WatchedFolder(folder, BY_NAME))[NAME]
    assert outcome.accepted
    assert not outcome.accepted.is_new
    assert (files(folder), firm.search()) == ({f"done/{NAME}"}, ["id-1"])


def test_a_file_that_cannot_be_moved_is_reported_and_not_read_again(
    firm: Firm, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    put(folder / NAME)
    watched = WatchedFolder(folder, BY_NAME)
    monkeypatch.setattr(os, "rename", refuse)
    assert "cannot be moved: Permission denied" in take(firm, watched)[NAME].reason
    assert take(firm, watched) == {}


def test_without_room_a_file_stays_where_it_is(
    firm: Firm, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: DiskStore) -> Any:
        raise StorageFull("The disk is full.")

    put(folder / NAME)
    watched = WatchedFolder(folder, BY_NAME)
    monkeypatch.setattr(DiskStore, "new", refuse)
    with pytest.raises(StorageFull):
        take(firm, watched)
    assert files(folder) == {NAME}
    monkeypatch.undo()
    assert take(firm, watched)[NAME].accepted


def test_links_and_hidden_unfinished_done_and_failed_files_are_ignored(firm: Firm, folder: Path) -> None:
    outside = put(folder.parent / "outside" / NAME)
    (folder / NAME).symlink_to(outside)
    (folder / "linked").symlink_to(outside.parent)
    os.mkfifo(folder / f"a{NAME}")
    for name in (f".{NAME}", f"{NAME}.part", f".hidden/{NAME}", f"done/{NAME}", f"failed/{NAME}"):
        put(folder / name)
    assert take(firm, WatchedFolder(folder, BY_NAME)) == {}
    put(folder / "done-by-hand" / "done" / NAME)
    assert len(take(firm, WatchedFolder(folder, BY_NAME))) == 1


def test_a_folder_has_one_watcher(folder: Path) -> None:
    with ExitStack() as leaving:
        leaving.enter_context(WatchedFolder(folder, BY_NAME).locked())
        with pytest.raises(Conflict, match="Another"):
            leaving.enter_context(WatchedFolder(folder, BY_NAME).locked())
    with WatchedFolder(folder, BY_NAME).locked():
        pass


def test_a_sidecar_takes_precedence_over_a_name(firm: Firm, folder: Path) -> None:
    put(folder / NAME, sidecar={"tags": ["vip"], "direction": "In"})
    assert take(firm, WatchedFolder(folder, BY_NAME))[NAME].accepted
    [found] = firm.post("/client/recording.search", {"direction": "In"})["recordings"]
    assert (found["thirdPartyId"], found["tags"]) == ("id-1", ["vip"])
    assert found["startDatetimeUTC"] == "2026-05-12T10:30:00.000Z"


def test_without_any_id_the_relative_path_is_the_id(firm: Firm, folder: Path) -> None:
    put(folder / "desk" / "20260512-103000_204.wav")
    put(folder / "7.wav", sidecar=call(thirdPartyId=None))
    reading = FolderRules(template=Template("{start}_{from}"), sidecar_required=False, source="pbx-1")
    take(firm, WatchedFolder(folder, reading))
    found = firm.post("/client/recording.search", {})["recordings"]
    assert {(one["thirdPartyId"], one["source"]) for one in found} == {
        ("desk/20260512-103000_204.wav", "pbx-1"),
        ("7.wav", "pbx-1"),
    }


def test_a_file_whose_name_does_not_match_fails_unless_it_has_a_sidecar(firm: Firm, folder: Path) -> None:
    put(folder / "odd.wav")
    put(folder / "told.wav", sidecar=call())
    outcomes = take(firm, WatchedFolder(folder, BY_NAME))
    assert "does not match" in outcomes["odd.wav"].reason
    assert outcomes["told.wav"].accepted


def test_names_of_any_bytes_are_taken(firm: Firm, folder: Path) -> None:
    for last in (b"\xe9", b"\xe8", "é".encode()):
        put(folder / os.fsdecode(b"20260512-103000_204_205_caf%s\n.wav" % last))
    outcomes = take(firm, WatchedFolder(folder, BY_NAME))
    assert all(one.accepted for one in outcomes.values())
    assert outcomes.keys() == {
        f"20260512-103000_204_205_{shown}\N{REPLACEMENT CHARACTER}.wav"
        for shown in ("caf%E9", "caf%E8", "café")
    }
    assert sorted(firm.search()) == ["caf%E8\n", "caf%E9\n", "café\n"]


def test_a_nul_in_a_sidecar_is_replaced_and_marked(firm: Firm, folder: Path) -> None:
    put(folder / "call.wav", sidecar=call(tags=["a\0b"]))
    assert take(firm, WatchedFolder(folder, FolderRules()))["call.wav"].accepted
    [detail] = firm.post("/client/recording.detail.get", {"interactionIds": [1]})
    assert detail["metadata"]["replacedCharactersIn"] == ["tags[0]"]


def test_a_call_of_asterisk_waits_for_its_record(firm: Firm, folder: Path, tmp_path: Path) -> None:
    records = tmp_path / "Master.csv"
    records.write_text("")
    put(folder / "1778581800.17.wav")
    put(folder / "out-02079460000-204-20260512-103000-1778581800.18.wav")
    reading = FolderRules(Template(ASTERISK), CallRecords(records), sidecar_required=False)
    watched = WatchedFolder(folder, reading)
    assert {one.reason for one in take(firm, watched).values()} == {"it has no call record yet"}
    row = '"","204","s","from-internal","","","","Dial","","2026-05-12 10:30:00","2026-05-12 10:30:05",'
    records.write_text(
        f'{row}"2026-05-12 10:31:00",60,55,"ANSWERED","DOCUMENTATION","1778581800.17"\n'
        f'{row}"2026-05-12 10:32:00",120,115,"ANSWERED","DOCUMENTATION","1778581800.18"\n'
    )
    outcomes = take(firm, watched)
    assert len(outcomes) == 2
    assert all(one.accepted for one in outcomes.values())
    found = {one["thirdPartyId"]: one for one in firm.post("/client/recording.search", {})["recordings"]}
    assert {id_: one["durationInSeconds"] for id_, one in found.items()} == {
        "1778581800.17": 55,
        "1778581800.18": 115,
    }
    named = [one["endpoint"]["endpoint"] for one in found["1778581800.18"]["endpoints"]]
    assert named == ["204", "02079460000"]


def test_files_wait_while_call_records_are_rotated(
    firm: Firm, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = tmp_path / "Master.csv"
    records.write_text("")
    put(folder / NAME)
    watched = WatchedFolder(folder, replace(BY_NAME, call_records=CallRecords(records)))
    opened = Path.open

    def rotate(path: Path, *rest: Any, **named: Any) -> Any:
        if path == records:
            records.unlink(missing_ok=True)
        return opened(path, *rest, **named)

    monkeypatch.setattr(Path, "open", rotate)
    assert take(firm, watched)[NAME].reason == "it has no call record yet"


def test_an_empty_file_waits_and_then_is_no_media(firm: Firm, folder: Path) -> None:
    file = folder / NAME
    file.touch()
    watched = WatchedFolder(folder, BY_NAME)
    assert take(firm, watched)[NAME].waits
    os.utime(file, (0, 0))
    outcome = take(firm, watched)[NAME]
    assert outcome.accepted
    assert outcome.note == "media: the file was empty when it was taken"
    [found] = firm.post("/client/recording.search", {})["recordings"]
    assert found["mediaAccessStatus"] == "Unavailable"
    [detail] = firm.post("/client/recording.detail.get", {"interactionIds": [1]})
    assert detail["metadata"]["doubtfulFields"] == {"media": "the file was empty when it was taken"}


def test_a_file_that_was_empty_gets_its_media_when_it_comes(firm: Firm, folder: Path) -> None:
    watched = WatchedFolder(folder, BY_NAME)
    (folder / NAME).touch()
    os.utime(folder / NAME, (0, 0))
    assert take(firm, watched)[NAME].accepted
    put(folder / NAME, tone(2.0))
    assert take(firm, watched)[NAME].accepted
    firm.work()
    [found] = firm.post("/client/recording.search", {})["recordings"]
    assert (found["thirdPartyId"], found["durationInSeconds"]) == ("id-1", 2)
    put(folder / NAME, tone(2.0))
    [again] = take(firm, watched).values()
    assert again.accepted
    assert not again.accepted.is_new
