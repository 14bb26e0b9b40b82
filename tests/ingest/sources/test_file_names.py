"""What names and call records say of calls, and which side is recorded."""

from pathlib import Path, PurePosixPath
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from earwitness.ingest.sources.call_records import CallRecords
from earwitness.ingest.sources.file_names import ASTERISK, CallFacts, Template
from earwitness.ingest.sources.subjects import Side, Subjects, metadata_of

PLAIN = "{start:%Y%m%d-%H%M%S}_{from}_{to}_{id}.wav"


def said(template: str, name: str, zone: str = "UTC") -> dict[str, Any] | None:
    call = Template(template, ZoneInfo(zone)).read(PurePosixPath(name))
    return None if call is None else metadata_of(call, Subjects())


def subjects_of(metadata: dict[str, Any] | None) -> list[str]:
    assert metadata is not None
    return [one["endpoint"] for one in metadata["endpoints"] if one["isRecordingSubject"]]


def test_a_template_reads_time_numbers_and_id() -> None:
    assert said(PLAIN, "20260512-103000_204_447700900111_1652351400.123.wav") == {
        "thirdPartyId": "1652351400.123",
        "type": "phone",
        "startDatetimeUTC": "2026-05-12T10:30:00.000Z",
        "endpoints": [
            {"type": "phone", "endpoint": "204", "isOriginator": True, "isRecordingSubject": True},
            {"type": "phone", "endpoint": "447700900111", "isOriginator": False, "isRecordingSubject": False},
        ],
    }


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("UTC", "2026-05-12T10:30:00.000Z"),
        ("Europe/London", "2026-05-12T09:30:00.000Z"),
        ("America/New_York", "2026-05-12T14:30:00.000Z"),
    ],
)
def test_times_are_in_the_time_zone_that_is_set(zone: str, expected: str) -> None:
    metadata = said(PLAIN, "20260512-103000_204_205_a.wav", zone)
    assert metadata is not None
    assert metadata["startDatetimeUTC"] == expected


@pytest.mark.parametrize(
    ("template", "name", "start"),
    [
        ("{id}-{start:%s}", "a-1778581800.ogg", "2026-05-12T10:30:00.000Z"),
        ("{start:%Y-%m-%dT%H.%M.%S%z}_{to}", "2026-05-12T10.30.00+0200_204.wav", "2026-05-12T08:30:00.000Z"),
        ("{start}{any}-{id}.WAV", "20260512-103000x-a.WAV", "2026-05-12T10:30:00.000Z"),
        ("{to}/{start:%y%m%d}/{any}_{from}.wav", "a/b/204/260512/x_205.wav", "2026-05-12T00:00:00.000Z"),
    ],
)
def test_templates_as_people_write_them(template: str, name: str, start: str) -> None:
    metadata = said(template, name)
    assert metadata is not None
    assert metadata["startDatetimeUTC"] == start


@pytest.mark.parametrize(
    "name",
    [
        "20260512-103000_204_205_a.mp3",
        "20260512-103000_204_205.wav",
        "20260231-103000_204_205_a.wav",
        "2026-05-12_204_205_a.wav",
        "x20260512-103000_204_205_a.wav",
    ],
)
def test_a_name_that_does_not_match_is_not_read(name: str) -> None:
    assert said(PLAIN, name) is None


@pytest.mark.parametrize(
    ("name", "id_", "numbers"),
    [
        ("20260512-103000__205_a.wav", "a", ["withheld", "205"]),
        ("20260512-103000_204__a.wav", "a", ["204", "withheld"]),
        ("20260512-103000_204_205_.wav", None, ["204", "205"]),
    ],
)
def test_an_empty_number_was_withheld_and_an_empty_id_is_not_known(
    name: str, id_: str | None, numbers: list[str]
) -> None:
    metadata = said(PLAIN, name)
    assert metadata is not None
    assert metadata.get("thirdPartyId") == id_
    assert [one["endpoint"] for one in metadata["endpoints"]] == numbers


def test_an_empty_number_of_freepbx_was_withheld() -> None:
    metadata = said(ASTERISK, "in-02079460001--20260512-103000-1778581800.17.wav")
    assert metadata is not None
    assert [one["endpoint"] for one in metadata["endpoints"]] == ["withheld", "02079460001"]
    assert subjects_of(metadata) == ["02079460001"]


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        ("{start}_{number}.wav", "number"),
        ("{from}{to}.wav", "from"),
        ("{from}_{from}.wav", "twice"),
        ("{start:%Y-%W}.wav", "%W"),
        ("{start", "expected"),
    ],
)
def test_a_text_that_is_no_template_is_refused(template: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        Template(template)


@pytest.mark.parametrize(
    ("name", "direction", "numbers", "subjects"),
    [
        ("out-02079460000-204-20260512-103000-1778581800.17.wav", "Out", ["204", "02079460000"], ["204"]),
        ("in-02079460001-447700900111-20260512-103000-1.2.wav", "In", ["447700900111", "02079460001"], [1]),
        ("external-204-447700900111-20260512-103000-1.2.WAV", "In", ["447700900111", "204"], [1]),
        ("exten-204-+447700900111-20260512-103000-1.2.wav", "In", ["+447700900111", "204"], [1]),
        ("q-600-447700900111-20260512-103000-1.2.wav", "In", ["447700900111", "600"], [1]),
        ("internal-204-205-20260512-103000-pbx-1.2.gsm", None, ["205", "204"], [0, 1]),
    ],
)
def test_the_names_of_freepbx(
    name: str, direction: str | None, numbers: list[str], subjects: list[str | int]
) -> None:
    metadata = said(ASTERISK, f"2026/05/12/{name}")
    assert metadata is not None
    assert metadata.get("direction") == direction
    assert [one["endpoint"] for one in metadata["endpoints"]] == numbers
    assert metadata["startDatetimeUTC"] == "2026-05-12T10:30:00.000Z"
    assert metadata["thirdPartyId"] == name.split("-103000-")[1].rpartition(".")[0]
    assert subjects_of(metadata) == [one if isinstance(one, str) else numbers[one] for one in subjects]


@pytest.mark.parametrize(
    ("call", "subjects", "expected"),
    [
        (CallFacts(caller="204", called="447700900111", direction="In"), Subjects(Side.FROM), ["204"]),
        (CallFacts(caller="204", called="205", direction="In"), Subjects(Side.BOTH), ["204", "205"]),
        (
            CallFacts(caller="+44 20 7946 0001", called="447700900111", direction="In"),
            Subjects(own=("4420",)),
            ["+44 20 7946 0001"],
        ),
        (CallFacts(caller="442079460001", called="442079460002"), Subjects(own=("+44 (20) 7946",)), [0, 1]),
        (
            CallFacts(caller="33140000000", called="204", direction="Out"),
            Subjects(own=("4420",)),
            ["33140000000"],
        ),
        (CallFacts(caller="33140000000", called="204"), Subjects(), ["204"]),
        (CallFacts(caller="33140000000", called="447700900111"), Subjects(), [0, 1]),
    ],
)
def test_the_side_that_is_recorded(call: CallFacts, subjects: Subjects, expected: list[str | int]) -> None:
    both = [call.caller, call.called]
    wanted = [one if isinstance(one, str) else both[one] for one in expected]
    assert subjects_of(metadata_of(call, subjects)) == wanted


def leg(
    unique_id: str,
    answer: str = "2026-05-12 10:30:04",
    end: str = "2026-05-12 10:34:21",
    disposition: str = "ANSWERED",
    dst: str = "204",
) -> str:
    return (
        f'"","447700900111","{dst}","from-trunk","""Ann"" <447700900111>","PJSIP/t-1","PJSIP/{dst}-2","Dial",'
        f'"PJSIP/{dst},30","2026-05-12 10:30:00","{answer}","{end}",261,257,"{disposition}","DOCUMENTATION",'
        f'"{unique_id}",""\n'
    )


def test_call_records_give_numbers_and_times(tmp_path: Path) -> None:
    file = tmp_path / "Master.csv"
    file.write_text(leg("1.1") + leg("1.2", "2026-05-12 10:31:00") + leg("1.3"))
    found = CallRecords(file, ZoneInfo("Europe/London")).of({"1.2", "1.9"})
    assert list(found) == ["1.2"]
    metadata = metadata_of(found["1.2"], Subjects())
    assert metadata["startDatetimeUTC"] == "2026-05-12T09:31:00.000Z"
    assert metadata["endDatetimeUTC"] == "2026-05-12T09:34:21.000Z"
    assert [one["endpoint"] for one in metadata["endpoints"]] == ["447700900111", "204"]
    assert metadata["metadata"]["clid"] == '"Ann" <447700900111>'
    assert metadata["metadata"]["disposition"] == "ANSWERED"


def test_the_answered_legs_of_a_call_are_one_call(tmp_path: Path) -> None:
    file = tmp_path / "Master.csv"
    file.write_text(
        leg("1.1", "", "2026-05-12 10:30:20", "NO ANSWER", dst="203")
        + leg("1.1", "2026-05-12 10:30:22", "2026-05-12 10:32:00", dst="204")
        + leg("1.1", "2026-05-12 10:32:00", "2026-05-12 10:40:00", dst="205")
    )
    metadata = metadata_of(CallRecords(file).of({"1.1"})["1.1"], Subjects())
    assert metadata["startDatetimeUTC"] == "2026-05-12T10:30:22.000Z"
    assert metadata["endDatetimeUTC"] == "2026-05-12T10:40:00.000Z"
    assert [one["endpoint"] for one in metadata["endpoints"]] == ["447700900111", "204", "205"]
    assert subjects_of(metadata) == ["204", "205"]


def test_call_records_are_read_while_they_are_written(tmp_path: Path) -> None:
    file = tmp_path / "Master.csv"
    records = CallRecords(file)
    assert records.of({"1.1"}) == {}
    file.write_text(leg("1.0") + leg("1.1")[:80])
    assert records.of({"1.1"}) == {}
    file.write_text(leg("1.0") + leg("1.1"))
    assert list(records.of({"1.1"})) == ["1.1"]
    assert set(records.of({"1.1", "1.0"})) == {"1.0", "1.1"}
    file.rename(tmp_path / "Master.csv.1")
    assert records.of({"2.1"}) == {}
    file.write_text(leg("2.1") + leg("1.1") * 3)
    assert list(records.of({"2.1"})) == ["2.1"]


def test_a_broken_line_does_not_affect_the_others(tmp_path: Path) -> None:
    file = tmp_path / "Master.csv"
    file.write_bytes(b'"","1","2\n' + b"\xff\0,\n" + leg("1.1").encode())
    assert list(CallRecords(file).of({"1.1"})) == ["1.1"]
