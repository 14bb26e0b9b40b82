"""The hour that comes twice when summer time ends, and the one that is skipped when it begins."""

from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from earwitness.ingest.sources.call_records import CallRecords
from earwitness.ingest.sources.file_names import ASTERISK, CallFacts, Template
from earwitness.ingest.sources.subjects import Subjects, metadata_of

LONDON = ZoneInfo("Europe/London")
LATER = "2026-11-20T00:00:00Z"
"""The time of a copy, which says nothing about the call."""

EPOCH = {
    "00:29": int(datetime(2026, 10, 25, 0, 29, tzinfo=UTC).timestamp()),
    "01:29": int(datetime(2026, 10, 25, 1, 29, tzinfo=UTC).timestamp()),
}


def ms(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp() * 1000)


def told(call: CallFacts, written: str = LATER) -> dict[str, Any]:
    """The metadata of a call, and its doubts."""
    settled = call.settled(ms(written))
    return metadata_of(settled, Subjects()) | {"doubts": settled.doubts}


def named(template: str, name: str, written: str = LATER) -> dict[str, Any]:
    call = Template(template, LONDON).read(PurePosixPath(name))
    assert call is not None
    return told(call, written)


def test_a_call_across_the_change_keeps_its_length() -> None:
    said = named("{start}_{end:%Y%m%d-%H%M%S}_{from}", "20261025-015500_20261025-011000_204.wav")
    assert said["startDatetimeUTC"] == "2026-10-25T00:55:00.000Z"
    assert said["endDatetimeUTC"] == "2026-10-25T01:10:00.000Z"
    assert said["doubts"] == {}


@pytest.mark.parametrize(
    ("id_", "written", "start", "is_doubted"),
    [
        (f"{EPOCH['00:29']}.17", LATER, "00:30", False),
        (f"{EPOCH['01:29']}.17", LATER, "01:30", False),
        (f"pbx-{EPOCH['01:29']}.17", LATER, "01:30", False),
        ("17", "2026-10-25T00:40:00Z", "00:30", False),
        ("17", "2026-10-25T01:40:00Z", "01:30", True),
        ("17", LATER, "00:30", True),
    ],
)
def test_the_unique_id_or_the_file_decides_for_the_second_hour(
    id_: str, written: str, start: str, is_doubted: bool
) -> None:
    said = named(ASTERISK, f"in-204-07700900111-20261025-013000-{id_}.wav", written)
    assert said["startDatetimeUTC"] == f"2026-10-25T{start}:00.000Z"
    assert ("startDatetimeUTC" in said["doubts"]) == is_doubted


def test_a_skipped_time_is_read_as_if_the_clock_had_not_been_put_forward() -> None:
    said = named("{start}_{from}", "20260329-013000_204.wav")
    assert said["startDatetimeUTC"] == "2026-03-29T01:30:00.000Z"
    assert "put forward" in said["doubts"]["startDatetimeUTC"]


def test_other_times_are_not_marked() -> None:
    for name in ("20261025-005959_204.wav", "20261025-020000_204.wav", "20260329-020000_204.wav"):
        assert named("{start}_{from}", name)["doubts"] == {}


def leg(start: str, answer: str, end: str, duration: int, billsec: int, unique_id: str) -> str:
    day = "2026-10-25"
    return (
        f'"","07700900111","204","","","PJSIP/t-1","PJSIP/204-2","Dial","","{day} {start}","{day} {answer}",'
        f'"{day} {end}",{duration},{billsec},"ANSWERED","DOCUMENTATION","{unique_id}"\n'
    )


@pytest.mark.parametrize(
    ("written", "start", "end"),
    [
        # From 01:55 in summer time to 01:10 in winter time: only so it was 15 minutes.
        (("01:55:00", "01:55:10", "01:10:00", 900, 890, "a"), "00:55:10", "01:10:00"),
        (("00:50:00", "00:50:10", "01:10:00", 1200, 1190, "a"), "23:50:10", "00:10:00"),
        (("00:50:00", "00:50:10", "01:10:00", 4800, 4790, "a"), "23:50:10", "01:10:00"),
        (("01:29:00", "01:30:00", "01:40:00", 660, 600, f"{EPOCH['00:29']}.1"), "00:30:00", "00:40:00"),
        (("01:29:00", "01:30:00", "01:40:00", 660, 600, f"{EPOCH['01:29']}.1"), "01:30:00", "01:40:00"),
    ],
)
def test_the_length_of_a_call_decides_which_hour_its_record_means(
    tmp_path: Path, written: tuple[Any, ...], start: str, end: str
) -> None:
    (tmp_path / "Master.csv").write_text(leg(*written))
    said = told(CallRecords(tmp_path / "Master.csv", LONDON).of({written[-1]})[written[-1]])
    assert said["startDatetimeUTC"][11:19] == start
    assert said["endDatetimeUTC"][11:19] == end
    assert said["doubts"] == {}


def test_an_undecided_record_is_marked_or_decided_by_the_file(tmp_path: Path) -> None:
    (tmp_path / "Master.csv").write_text(leg("01:29:00", "01:30:00", "01:40:00", 660, 600, "a"))
    call = CallRecords(tmp_path / "Master.csv", LONDON).of({"a"})["a"]
    assert "startDatetimeUTC" in told(call)["doubts"]
    for written in ("2026-10-25T00:40:01Z", "2026-10-25T01:40:01Z"):
        said = told(call, written)
        assert said["endDatetimeUTC"][:16] == written[:16]
        assert said["doubts"] == {}
