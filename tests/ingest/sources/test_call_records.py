"""All legs of a call count: everybody in any of them, from the first answer to the last end."""

from pathlib import Path
from typing import Any

from earwitness.ingest.sources.call_records import CallRecords, joined
from earwitness.ingest.sources.file_names import CallFacts
from earwitness.ingest.sources.subjects import Subjects, metadata_of


def leg(
    src: str,
    dst: str,
    times: tuple[str, str, str],
    *,
    to: str = "",
    of: str = "PJSIP/trunk-0000001a",
    id_: str = "1.1",
    linked: str = "1.1",
    sequence: int = 1,
    disposition: str = "ANSWERED",
) -> str:
    start, answer, end = (f"2026-05-12 {time}" if time else "" for time in times)
    return (
        f'"","{src}","{dst}","from-trunk","","{of}","{to}","Dial","","{start}","{answer}","{end}",9,9,'
        f'"{disposition}","DOCUMENTATION","{id_}","","","{linked}",{sequence}\n'
    )


def told(tmp_path: Path, *legs: str) -> dict[str, Any]:
    (tmp_path / "Master.csv").write_text("".join(legs))
    return metadata_of(CallRecords(tmp_path / "Master.csv").of({"1.1"})["1.1"], Subjects())


def numbers(metadata: dict[str, Any]) -> list[str]:
    return [one["endpoint"] for one in metadata["endpoints"]]


QUEUED = leg(
    "447700900111", "600", ("10:30:00", "10:30:05", "10:32:00"), to="Local/204@from-queue-0000002b;1"
)
RANG = leg(
    "447700900111", "600", ("10:30:00", "", "10:30:20"), to="PJSIP/203-0000001b", disposition="NO ANSWER"
)
HANDED_ON = leg(
    "204",
    "205",
    ("10:32:00", "10:32:10", "10:40:00"),
    of="PJSIP/204-0000001c",
    to="PJSIP/205-0000001d",
    id_="1.2",
    sequence=7,
)
LAST = leg("447700900111", "s", ("10:40:00", "10:40:01", "10:41:00"), to="PJSIP/206-0000001e", sequence=9)


def test_everybody_in_an_answered_leg_is_a_participant(tmp_path: Path) -> None:
    said = told(tmp_path, QUEUED, RANG, HANDED_ON, LAST)
    assert numbers(said) == ["447700900111", "600", "204", "205", "206"]
    assert said["startDatetimeUTC"] == "2026-05-12T10:30:05.000Z"
    assert said["endDatetimeUTC"] == "2026-05-12T10:41:00.000Z"
    subjects = [one["endpoint"] for one in said["endpoints"] if one["isRecordingSubject"]]
    assert subjects == ["600", "204", "205", "206"]


def test_legs_are_sorted_by_time_and_not_by_line(tmp_path: Path) -> None:
    assert told(tmp_path, LAST, HANDED_ON, RANG, QUEUED) == told(tmp_path, QUEUED, RANG, HANDED_ON, LAST)


def test_legs_of_other_calls_do_not_count(tmp_path: Path) -> None:
    other = leg("1", "2", ("09:00:00", "09:00:00", "23:00:00"), id_="1.3", linked="1.3")
    assert told(tmp_path, QUEUED, other) == told(tmp_path, QUEUED)


def test_a_call_that_nobody_answered_has_its_caller_and_called_party(tmp_path: Path) -> None:
    said = told(tmp_path, RANG)
    assert numbers(said) == ["447700900111", "600", "203"]
    assert said["startDatetimeUTC"] == "2026-05-12T10:30:00.000Z"


def test_a_caller_who_is_missing_in_the_record_was_withheld(tmp_path: Path) -> None:
    said = told(tmp_path, leg("", "204", ("10:30:00", "10:30:05", "10:32:00")))
    assert numbers(said) == ["withheld", "204"]
    assert said["endpoints"][0]["isOriginator"]


def test_numbers_of_the_record_are_participants_besides_those_of_the_name(tmp_path: Path) -> None:
    (tmp_path / "Master.csv").write_text(QUEUED)
    recorded = CallRecords(tmp_path / "Master.csv").of({"1.1"})["1.1"]
    call = joined(CallFacts(caller="+44 7700 900111", called="02079460001", direction="In"), recorded)
    said = metadata_of(call, Subjects())
    assert numbers(said) == ["+44 7700 900111", "02079460001", "600", "204"]
    assert [one["isRecordingSubject"] for one in said["endpoints"]] == [False, True, True, True]
