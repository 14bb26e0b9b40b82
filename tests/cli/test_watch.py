"""The command `earwitness watch` and its options."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from earwitness.archive.schema.work import audit_headers
from earwitness.kernel.errors import StorageFull
from earwitness.media.stores.disk import DiskStore
from tests.cli.conftest import Run
from tests.cli.running import running
from tests.firm import CLIENT_ID, Firm, call, tone

Tell = Callable[..., Any]

QUICK = ("--every", "0.05")
BY_NAME = ("--template", "{start:%Y%m%d-%H%M%S}_{from}_{to}_{id}.wav", *QUICK)
ANYWAY = ("--sidecar", "optional", "--take-anyway", *QUICK)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "watched"
    folder.mkdir()
    return folder


def name(number: int) -> str:
    return f"20260512-1030{number:02}_204_447700900111_id-{number}.wav"


def test_once_takes_all_files_and_reports_each(firm: Firm, folder: Path, tell: Tell) -> None:
    (folder / "call.wav").write_bytes(tone())
    (folder / "call.json").write_text(json.dumps(call()))
    (folder / "later.wav").write_bytes(tone())
    told = tell("watch", CLIENT_ID, folder, "--once", *QUICK)
    assert told == {
        "taken": [{"file": "call.wav", "interactionId": 1, "thirdPartyId": "call-1"}],
        "alreadyThere": [],
        "failed": [],
        "waiting": [{"file": "later.wav", "reason": "it has no sidecar yet"}],
    }
    assert firm.search() == ["call-1"]
    with firm.archive.read() as connection:
        [row] = connection.execute(select(audit_headers).where(audit_headers.c.method == "CLI"))
    assert (row.route, row.username[:9]) == ("earwitness watch", "operator:")


def test_once_exits_1_if_any_file_failed(firm: Firm, folder: Path, run: Run, tell: Tell) -> None:
    (folder / name(1)).write_bytes(tone())
    (folder / "odd.wav").write_bytes(tone())
    done = run("watch", CLIENT_ID, folder, "--once", *BY_NAME, exit_code=1)
    assert f"{name(1)} taken as interactionId 1" in done.stdout
    assert "odd.wav failed: Its name does not match" in done.stdout
    assert "Taken 1, Already there 0, Failed 1, Waiting 0." in done.stdout
    assert tell("watch", CLIENT_ID, folder, "--once", *BY_NAME)["failed"] == []


def test_own_numbers_and_the_time_zone_can_be_set(firm: Firm, folder: Path, tell: Tell) -> None:
    (folder / "in-02079460001-447700900111-20260512-103000-1778581800.17.wav").write_bytes(tone())
    options = (
        "--preset",
        "asterisk",
        "--time-zone",
        "Europe/London",
        "--own",
        "+447700",
        "--source",
        "pbx-1",
    )
    tell("watch", CLIENT_ID, folder, "--once", *options, *QUICK)
    [found] = firm.post("/client/recording.search", {})["recordings"]
    assert (found["startDatetimeUTC"], found["source"]) == ("2026-05-12T09:30:00.000Z", "pbx-1")
    [subject] = [one for one in found["endpoints"] if one["isRecordingSubject"]]
    assert subject["endpoint"]["endpoint"] == "447700900111"


@pytest.mark.parametrize(
    ("options", "code", "fault"),
    [
        (("--template", "{start}_{who}.wav"), 1, "{who} is not a field"),
        (("--template", "{start}", "--preset", "asterisk"), 1, "not both"),
        (("--preset", "asterisk", "--time-zone", "Mars/Base"), 1, "there is no Mars/Base"),
        (("--sidecar", "optional"), 1, "needs --template"),
        (("--preset", "avaya"), 2, "avaya"),
        (("--codec", "opus"), 1, "--codec: expected one of pcm_alaw"),
        (("--codec", "g722", "--channels", "0"), 2, "channels"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    firm: Firm, folder: Path, run: Run, options: tuple[str, ...], code: int, fault: str
) -> None:
    refused = run("watch", CLIENT_ID, folder, "--once", *options, *QUICK, exit_code=code)
    assert fault in refused.output


def test_an_account_and_a_folder_must_be_there(firm: Firm, folder: Path, run: Run) -> None:
    assert "no account 42" in run("watch", 42, folder, "--once", *QUICK, exit_code=1).output
    run("watch", CLIENT_ID, folder / "nowhere", "--once", exit_code=2)


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)  # it is the folder that matters here
def test_a_killed_watcher_loses_nothing_and_takes_nothing_twice(firm: Firm, folder: Path) -> None:
    watch = ("watch", CLIENT_ID, folder, *BY_NAME, "--json")
    for number in range(8):
        (folder / name(number)).write_bytes(tone(0.1 * (number + 1)))
    for _ in range(2):
        with running(firm.settings, *watch) as watcher:
            assert watcher.stdout
            assert json.loads(watcher.stdout.readline())["state"] in {"taken", "alreadyThere"}
    with running(firm.settings, *watch) as watcher:
        assert watcher.stdout
        while len(list((folder / "done").iterdir())) < 8:
            assert "file" in json.loads(watcher.stdout.readline())
        watcher.send_signal(signal.SIGTERM)
        assert watcher.wait(timeout=30) == 0
    assert sorted(firm.search()) == [f"id-{number}" for number in range(8)]
    assert len(list(firm.archive.store.names())) == 8


def test_a_full_disk_leaves_the_file_and_ends_once_with_a_failure(
    firm: Firm, folder: Path, run: Run, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: DiskStore) -> Any:
        raise StorageFull("The disk is full.")

    (folder / name(1)).write_bytes(tone())
    monkeypatch.setattr(DiskStore, "new", refuse)
    refused = run("watch", CLIENT_ID, folder, "--once", *BY_NAME, exit_code=1)
    assert "The disk is full. Run it again" in refused.output
    monkeypatch.undo()
    assert len(tell("watch", CLIENT_ID, folder, "--once", *BY_NAME)["taken"]) == 1


def test_failed_files_are_taken_again_with_retry_failed(
    firm: Firm, folder: Path, run: Run, tell: Tell
) -> None:
    for seconds in (1.0, 2.0):
        (folder / "memo.wav").write_bytes(tone(seconds))
        (told,) = tell("watch", CLIENT_ID, folder, "--once", *BY_NAME, exit_code=1)["failed"]
        assert "--retry-failed --take-anyway" in told["reason"]
    told = tell("watch", CLIENT_ID, folder, "--once", *BY_NAME, "--retry-failed", exit_code=1)
    assert [one["file"] for one in told["failed"]] == ["memo.wav", "memo.wav"]
    told = tell("watch", CLIENT_ID, folder, "--once", *BY_NAME, "--retry-failed", "--take-anyway")
    first, second = told["taken"]
    assert (first["thirdPartyId"], second["thirdPartyId"][:9]) == ("memo.wav", "memo.wav#")
    assert "endpoints: not known" in first["note"]
    assert "another recording has the id memo.wav" in second["note"]
    assert [path for path in (folder / "failed").rglob("*") if path.is_file()] == []
    told = tell("watch", CLIENT_ID, folder, "--once", *BY_NAME, "--retry-failed", "--take-anyway")
    assert not any(told.values())


def test_failed_files_are_taken_again_by_a_watcher_that_goes_on(firm: Firm, folder: Path, run: Run) -> None:
    for seconds in (1.0, 2.0):
        (folder / "memo.wav").write_bytes(tone(seconds))
        run("watch", CLIENT_ID, folder, "--once", *BY_NAME, exit_code=1)
    options = (*BY_NAME, "--retry-failed", "--take-anyway", "--json")
    with running(firm.settings, "watch", CLIENT_ID, folder, *options) as watcher:
        assert watcher.stdout
        told = [json.loads(watcher.stdout.readline()) for _ in range(2)]
    assert [one["state"] for one in told] == ["taken", "taken"]
    assert len(firm.search()) == 2


def test_a_failed_file_that_cannot_be_put_back_is_reported(
    firm: Firm, folder: Path, run: Run, tell: Tell
) -> None:
    (folder / "memo.wav").write_bytes(tone())
    run("watch", CLIENT_ID, folder, "--once", "--template", "{start}", *QUICK, exit_code=1)
    (folder / "memo.wav").write_bytes(tone(2.0))
    told = tell("watch", CLIENT_ID, folder, "--once", "--retry-failed", *QUICK)
    assert {(one["file"], one["reason"]) for one in told["waiting"]} == {
        ("memo.wav", "it has no sidecar yet"),
        ("failed/memo.wav", "another file is where it was found, or it cannot be moved there"),
    }


def test_the_format_of_files_without_a_header_can_be_stated(firm: Firm, folder: Path, tell: Tell) -> None:
    (folder / "20260512-103000_204_205_a.dat").write_bytes(tone(2.0, 16_000)[44:])
    template = ("--template", "{start}_{from}_{to}_{id}", *QUICK)
    told = ("--codec", "pcm_s16le", "--sample-rate", 16_000, "--channels", 1)
    tell("watch", CLIENT_ID, folder, "--once", *template, *told)
    firm.work()
    [found] = firm.post("/client/recording.search", {})["recordings"]
    assert found["durationInSeconds"] == 2


@pytest.mark.parametrize(
    ("name", "told"), [("done", "done is a link"), (".earwitness-watch", "regular file")]
)
def test_a_link_in_place_of_the_watchers_own_files_is_refused(
    firm: Firm, folder: Path, run: Run, name: str, told: str
) -> None:
    target = folder.parent / "outside"
    target.mkdir() if name == "done" else target.write_text("ours")
    (folder / name).symlink_to(target)
    (folder / "call.wav").write_bytes(tone())
    refused = run("watch", CLIENT_ID, folder, "--once", *QUICK, exit_code=1)
    assert told in refused.output
    assert list(target.iterdir()) == [] if name == "done" else target.read_text() == "ours"


@pytest.mark.parametrize(
    ("where", "mode", "owner", "warned"),
    [
        (".", 0o755, 0, False),
        (".", 0o775, 0, True),
        (".", 0o1777, 0, True),
        (".", 0o755, 1000, True),
        ("desk/1", 0o777, 0, True),
        ("done", 0o770, 0, True),
    ],
)
@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)  # it is the folder that matters here
def test_root_is_warned_of_folders_in_which_others_may_write(
    firm: Firm, folder: Path, run: Run, where: str, mode: int, owner: int, warned: bool
) -> None:
    (folder / where).mkdir(parents=True, exist_ok=True)
    (folder / where).chmod(mode)
    if is_root := os.geteuid() == 0:
        os.chown(folder / where, owner, -1)
    done = run("watch", CLIENT_ID, folder, "--once", "--json", *QUICK)
    assert json.loads(done.stdout)["taken"] == []
    assert ("Do not watch it as root" in done.stderr) == (warned and is_root)
    assert (f"WARNING: other users than root may write in {folder / where}." in done.stderr) == (
        warned and is_root
    )


def test_a_watcher_whose_folder_was_replaced_says_so_and_ends(firm: Firm, folder: Path) -> None:
    with running(firm.settings, "watch", CLIENT_ID, folder, *BY_NAME, "--json") as watcher:
        assert watcher.stdout
        (folder / name(1)).write_bytes(tone())
        assert json.loads(watcher.stdout.readline())["state"] == "taken"
        folder.rename(folder.with_name("old"))
        folder.mkdir()
        assert "was moved away or replaced" in json.loads(watcher.stdout.read())["error"]
        assert watcher.wait(timeout=30) == 1


def test_the_archives_own_folders_are_not_watched(firm: Firm, folder: Path, run: Run, tell: Tell) -> None:
    (folder.parent / "memo.wav").write_bytes(tone())
    told = tell("watch", CLIENT_ID, folder.parent, "--once", *ANYWAY)
    assert [one["file"] for one in told["taken"]] == ["memo.wav"]
    for own in (firm.settings.data, firm.settings.keys_folder):
        refused = run("watch", CLIENT_ID, own, "--once", *ANYWAY, exit_code=1)
        assert "a folder of the archive itself" in refused.output
