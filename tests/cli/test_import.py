"""earwitness import: good lines are imported, bad ones are named, and a second run continues."""

import json
import os
import pickle
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from earwitness.archive.ledger.ledger import Action
from earwitness.cli.importing import COMMITTED_TOGETHER
from earwitness.ingest.sources.manifest import ManifestLine, import_lines, read_lines
from earwitness.kernel.errors import Problem, StorageFull
from tests.cli.conftest import Run
from tests.cli.running import running
from tests.firm import CLIENT_ID, Firm, call, tone
from tests.processes import children, needs_proc
from tests.waiting import until

Tell = Callable[..., Any]


def write(folder: Path, *lines: Any) -> Path:
    """Write a manifest; lines that are not text are written as JSON."""
    written = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    manifest = folder / "manifest.jsonl"
    manifest.write_text("\n".join(written))
    return manifest


def calls(count: int) -> list[dict[str, Any]]:
    return [call(thirdPartyId=f"call-{number}") for number in range(1, count + 1)]


def raw(firm: Firm, third_party_id: str) -> bytes:
    wanted = {"thirdPartyId": third_party_id, "format": "raw"}
    return firm.call("POST", "/client/recording.playBackByThirdPartyId", wanted).content


def test_recordings_and_their_media_are_taken_in_while_the_server_runs(
    firm: Firm, tell: Tell, tmp_path: Path
) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "one.wav").write_bytes(tone(0.2))
    (tmp_path / "empty.wav").touch()
    first, second, third = calls(3)
    paths = ("media/one.wav", "empty.wav", None)
    lines = [one | {"mediaPath": path} for one, path in zip((first, second, third), paths, strict=True)]
    told = tell("import", CLIENT_ID, write(tmp_path, lines[0], "", "   ", *lines[1:]))
    assert told == {"imported": 3, "alreadyThere": 0, "failed": []}
    assert firm.search(startTimeDirection="ASC") == ["call-1", "call-2", "call-3"]
    assert raw(firm, "call-1") == tone(0.2)
    wanted = {"thirdPartyId": "call-2", "format": "raw"}
    without = firm.call("POST", "/client/recording.playBackByThirdPartyId", wanted)
    assert (without.status_code, without.json()["code"]) == (404, "no-media"), "an empty file is no media"
    firm.work()
    (row,) = firm.post("/client/recording/audit", {"recordingId": 1})[:1]
    assert (row["method"], row["route"]) == ("CLI", "earwitness import")
    assert row["username"].startswith("operator:")


def test_recordings_in_the_archive_are_skipped(firm: Firm, run: Run, tell: Tell, tmp_path: Path) -> None:
    (tmp_path / "one.wav").write_bytes(tone(0.2))
    lines = [one | {"mediaPath": "one.wav"} for one in calls(3)]
    tell("import", CLIENT_ID, write(tmp_path, *lines[:2]))
    told = tell("import", CLIENT_ID, write(tmp_path, *lines))
    assert told == {"imported": 1, "alreadyThere": 2, "failed": []}
    assert firm.send(calls(1)[0], tone(0.2)).status_code == 200
    assert "already there 3" in run("import", CLIENT_ID, write(tmp_path, *lines)).stdout


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)  # the database makes no difference here
def test_manifests_are_read_in_any_encoding(
    firm: Firm, run: Run, tell: Tell, tmp_path: Path, encoding: str
) -> None:
    lines = [json.dumps(call(thirdPartyId=f"é {number}"), ensure_ascii=False) for number in range(3)]
    manifest = tmp_path / "MANIFEST.JSON"
    manifest.write_bytes("\r\n".join([lines[0], "", lines[1], "{", lines[2], ""]).encode(encoding))
    told = tell("import", CLIENT_ID, manifest, exit_code=1)
    assert told["imported"] == 3
    assert [failure["line"] for failure in told["failed"]] == [4]
    assert sorted(firm.search()) == ["é 0", "é 1", "é 2"]


def test_a_manifest_in_utf_16_that_was_cut_off_loses_only_its_last_line(
    firm: Firm, tell: Tell, tmp_path: Path
) -> None:
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_bytes("\n".join(json.dumps(one) for one in calls(2)).encode("utf-16")[:-3])
    told = tell("import", CLIENT_ID, manifest, exit_code=1)
    assert told["imported"] == 1
    assert [failure["line"] for failure in told["failed"]] == [2]


def test_files_without_a_header_are_decoded_by_their_extensions(
    firm: Firm, tell: Tell, tmp_path: Path
) -> None:
    (tmp_path / "one.sln16").write_bytes(tone(2.0, 16_000)[44:])
    line = call(endDatetimeUTC=None, mediaPath="one.sln16")
    assert tell("import", CLIENT_ID, write(tmp_path, line))["imported"] == 1
    firm.work()
    [found] = firm.post("/client/recording.search", {})["recordings"]
    assert found["durationInSeconds"] == 2
    assert tell("import", CLIENT_ID, write(tmp_path, line))["alreadyThere"] == 1


def test_media_that_was_empty_is_added_later(firm: Firm, tell: Tell, tmp_path: Path) -> None:
    (tmp_path / "one.wav").touch()
    manifest = write(tmp_path, call(mediaPath="one.wav"))
    assert tell("import", CLIENT_ID, manifest)["imported"] == 1
    assert tell("import", CLIENT_ID, manifest)["alreadyThere"] == 1
    [detail] = firm.post("/client/recording.detail.get", {"interactionIds": [1]})
    assert detail["metadata"]["doubtfulFields"] == {"media": "the file was empty when it was taken"}
    (tmp_path / "one.wav").write_bytes(tone(0.2))
    assert tell("import", CLIENT_ID, manifest)["imported"] == 1
    assert raw(firm, "call-1") == tone(0.2)
    assert tell("import", CLIENT_ID, manifest)["alreadyThere"] == 1


def test_an_empty_file_fails_its_line_if_the_end_is_not_known(firm: Firm, tell: Tell, tmp_path: Path) -> None:
    (tmp_path / "one.wav").touch()
    manifest = write(tmp_path, call(endDatetimeUTC=None, mediaPath="one.wav"))
    [failure] = tell("import", CLIENT_ID, manifest, exit_code=1)["failed"]
    assert "mediaPath: is empty" in failure["error"]
    assert "endDatetimeUTC" in failure["error"]
    (tmp_path / "one.wav").write_bytes(tone(0.2))
    assert tell("import", CLIENT_ID, manifest)["imported"] == 1


def test_a_time_in_the_future_is_marked(firm: Firm, tell: Tell, tmp_path: Path) -> None:
    tell("import", CLIENT_ID, write(tmp_path, call(startDatetimeUTC="2126-05-12T10:30:00Z")))
    [detail] = firm.post("/client/recording.detail.get", {"interactionIds": [1]})
    assert "future" in detail["metadata"]["doubtfulFields"]["startDatetimeUTC"]


@needs_proc
def test_media_that_cannot_be_read_to_its_end_fails_only_its_line(
    firm: Firm, tell: Tell, tmp_path: Path
) -> None:
    first, second = calls(2)
    manifest = write(tmp_path, first | {"mediaPath": "/proc/self/mem"}, second)
    told = tell("import", CLIENT_ID, manifest, "--media-root", "/proc/self", exit_code=1)
    assert [(one["line"], one["error"]) for one in told["failed"]] == [
        (1, "It cannot be read: Input/output error.")
    ]
    assert firm.search() == ["call-2"]


def run_alone(firm: Firm, manifest: Path, exit_code: int = 0) -> Any:
    """Import in a process of its own, which starts readers."""
    with running(firm.settings, "import", CLIENT_ID, manifest, "--json") as process:
        return told_by(process, exit_code)


def told_by(process: "subprocess.Popen[str]", exit_code: int = 0) -> Any:
    assert process.stdout
    printed = process.stdout.read()
    assert process.wait() == exit_code, printed
    return json.loads(printed)


def test_recordings_that_share_endpoints_people_tags_and_starts_are_told_apart(
    firm: Firm, tmp_path: Path
) -> None:
    """More recordings than are committed together, and one of them twice."""
    person = {"thirdPartyId": "p-1", "fullName": "Ada Lovelace", "email": "ada@example.com"}
    lines = [
        call(
            thirdPartyId=f"call-{number:04}",
            direction=("in", "Out")[number % 2],
            tags=["Gold", f"tag-{number % 3}", "gold"],
            dataGroups={"Desk": str(number % 2)},
            endpoints=[
                {
                    "type": "phone",
                    "endpoint": "+44 7896 423595",
                    "isRecordingSubject": True,
                    "person": person,
                },
                {"type": "phone", "endpoint": f"44{number % 5}"},
            ],
            transcript={"segments": [{"text": f"said number{number}", "start": 0, "end": 1}]},
        )
        for number in range(COMMITTED_TOGETHER + 100)
    ]
    (tmp_path / "one.wav").write_bytes(tone(0.2))
    lines[9]["mediaPath"] = "one.wav"
    again = [*lines, lines[7], lines[-1], lines[3] | {"source": "another"}]
    told = run_alone(firm, write(tmp_path, *again), exit_code=1)
    assert (told["imported"], told["alreadyThere"]) == (len(lines), 2)
    assert [failure["line"] for failure in told["failed"]] == [len(again)]
    assert firm.search(freeText="number599 ada") == ["call-0599"]
    assert raw(firm, "call-0009") == tone(0.2)
    gold = {"startTimeDirection": "ASC", "pageSize": 1000, "freeText": "gold"}
    pages = [firm.post("/client/recording.search", gold | {"page": number}) for number in (1, 2, 3)]
    assert {page["total"] for page in pages} == {len(lines)}
    found = [one for page in pages for one in page["recordings"]]
    assert [one["thirdPartyId"] for one in found] == [line["thirdPartyId"] for line in lines]
    assert [one["interactionId"] for one in found] == list(range(1, len(lines) + 1))
    assert firm.post("/client/recording.search", {"direction": "In"})["total"] == len(lines) // 2
    assert found[4]["tags"] == ["Gold", "tag-1"]
    assert found[4]["dataGroups"] == {"Desk": "0"}
    assert found[4]["transcriptSnippet"] == "said number4"
    (ada, other) = found[4]["endpoints"]
    assert ada["person"]["fullName"] == "Ada Lovelace"
    assert (ada["endpoint"]["endpoint"], other["endpoint"]["endpoint"]) == ("447896423595", "444")
    assert len({one["endpoints"][1]["endpoint"]["id"] for one in found}) == 5


BAD = [
    ("{", "expected JSON"),
    ("[]", "expected an object"),
    ('{"thirdPartyId": "x", "thirdPartyId": "y"}', "twice"),
    (call(thirdPartyId="bad", type="Phone"), "type"),
    (call(thirdPartyId="bad", colour="red"), "colour"),
    (call(thirdPartyId="bad", dataGroups={"Department": "x" * 513}), "dataGroups"),
    (call(thirdPartyId="call-1", source="another"), "call-1"),
    *(
        (call(thirdPartyId="bad", mediaPath=path), "mediaPath")
        for path in ("missing.wav", ".", "\0", "\ud800", 7, "x" * 5000)
    ),
]


def test_bad_lines_are_named_and_the_rest_goes_on(firm: Firm, run: Run, tell: Tell, tmp_path: Path) -> None:
    first, second = calls(2)
    manifest = write(tmp_path, first, "", *(line for line, _ in BAD), second)
    told = tell("import", CLIENT_ID, manifest, exit_code=1)
    assert (told["imported"], told["alreadyThere"]) == (2, 0)
    assert [failure["line"] for failure in told["failed"]] == list(range(3, 3 + len(BAD)))
    for failure, (_, says) in zip(told["failed"], BAD, strict=True):
        assert says in failure["error"]
    assert firm.search(startTimeDirection="ASC") == ["call-1", "call-2"]
    shown = run("import", CLIENT_ID, manifest, exit_code=1).stdout
    assert "line 3: " in shown
    assert f"failed {len(BAD)}" in shown


@needs_proc
def test_an_import_whose_reader_was_killed_says_so_and_can_be_run_again(firm: Firm, tmp_path: Path) -> None:
    count = COMMITTED_TOGETHER + 100
    manifest = write(tmp_path, *calls(count))
    with running(firm.settings, "import", CLIENT_ID, manifest, "--json") as process:
        os.kill(reader_of(process), signal.SIGKILL)
        assert "process that reads" in told_by(process, exit_code=1)["error"]
    told = run_alone(firm, manifest)
    assert told["imported"] + told["alreadyThere"] == count
    assert told["failed"] == []


@needs_proc
def test_the_readers_of_a_killed_import_end(firm: Firm, tmp_path: Path) -> None:
    manifest = write(tmp_path, *calls(COMMITTED_TOGETHER + 1))
    with running(firm.settings, "import", CLIENT_ID, manifest, "--json") as process:
        reader = reader_of(process)
        process.kill()
        process.wait()
        until(lambda: has_ended(reader), "who reads has ended")


def reader_of(process: "subprocess.Popen[str]") -> int:
    """The id of a reader of an import, once there is one."""
    return min(until(lambda: children(process.pid), "a process reads"))


def has_ended(process_id: int) -> bool:
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_line_is_the_same_in_another_process() -> None:
    sent = call(
        mediaPath="a.wav",
        source="sbc\0",
        tags=["Gold"],
        optional={"ranks": [1, 2.5, None, {"of": True}]},
        rawSmsIds=["x"],
        codec="g729",
        transcript={"language": "en", "segments": [{"text": "Let me know.", "start": 0, "end": 1.5}]},
    )
    read = read_lines([json.dumps(sent).encode(), b"{}"])
    line, refused = pickle.loads(pickle.dumps(read))
    assert line == read[0]
    assert line.metadata.replaced_in == ("source",)
    assert (type(refused), refused.detail) == (type(read[1]), str(read[1]))


def test_an_id_is_shown_as_it_is(firm: Firm, run: Run, tmp_path: Path) -> None:
    firm.ingest(thirdPartyId="sbc:phone:[b]1")
    shown = run(
        "import", CLIENT_ID, write(tmp_path, call(thirdPartyId="sbc:phone:[b]1", source="x")), exit_code=1
    )
    assert "sbc:phone:[b]1" in shown.stdout


def test_replaced_characters_are_marked(firm: Firm, tell: Tell, tmp_path: Path) -> None:
    tell("import", CLIENT_ID, write(tmp_path, call(source="sbc\0", message="\ud800")))
    (detail,) = firm.post("/client/recording.detail.get", {"interactionIds": [1]})
    assert set(detail["metadata"]["replacedCharactersIn"]) == {"source", "message"}
    assert firm.send(call(source="sbc\0", message="\ud800")).status_code == 200


@pytest.mark.parametrize(
    "trouble",
    [StorageFull("The disk is full."), OperationalError("BEGIN", {}, Exception("is locked"))],
    ids=lambda trouble: type(trouble).__name__,
)
def test_an_outage_ends_the_import_and_a_second_run_continues(
    firm: Firm, tell: Tell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    manifest = write(tmp_path, *calls(3))

    def fail_at_the_second(
        archive: Any, lines: Sequence[ManifestLine], media: Any, by: Action
    ) -> list[bool | Problem]:
        if any(line.metadata.values.third_party_id == "call-2" for line in lines):
            raise trouble
        return import_lines(archive, lines, media, by)

    with monkeypatch.context() as broken:
        broken.setattr("earwitness.cli.importing.import_lines", fail_at_the_second)
        broken.setattr("earwitness.cli.importing.COMMITTED_TOGETHER", 1)
        told = tell("import", CLIENT_ID, manifest, exit_code=1)
    assert told["error"].startswith("line 2 or after it: ")
    assert "BEGIN" not in told["error"]
    assert firm.search() == ["call-1"]
    assert tell("import", CLIENT_ID, manifest) == {"imported": 2, "alreadyThere": 1, "failed": []}


def test_a_missing_manifest_or_account_is_reported(run: Run, tmp_path: Path) -> None:
    run("import", CLIENT_ID, tmp_path / "missing.jsonl", exit_code=2)
    run("import", CLIENT_ID, tmp_path, exit_code=2)
    run("import", 999, write(tmp_path, *calls(1)), exit_code=1)


def test_an_empty_manifest_imports_nothing(tell: Tell, tmp_path: Path) -> None:
    assert tell("import", CLIENT_ID, write(tmp_path)) == {"imported": 0, "alreadyThere": 0, "failed": []}
