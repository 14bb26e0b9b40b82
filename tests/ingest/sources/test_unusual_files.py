"""Unusual files are taken, or their reason says how they can be taken."""

import codecs
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from earwitness.ingest.sources.descriptions import FolderRules
from earwitness.ingest.sources.file_names import Template
from earwitness.ingest.sources.watched_folder import WatchedFolder
from tests.firm import Firm, call, endpoint, tone
from tests.ingest.folders import files, put, take

BY_NAME = FolderRules(template=Template("{start}_{from}_{to}_{id}"), sidecar_required=False)
ANYWAY = replace(BY_NAME, take_anyway=True)
WRITTEN_AT = 1_778_581_800  # 2026-05-12T10:30:00Z


def detail(firm: Firm, interaction_id: int = 1) -> dict[str, Any]:
    [found] = firm.post("/client/recording.detail.get", {"interactionIds": [interaction_id]})
    metadata: dict[str, Any] = found["metadata"]
    return metadata


def only(firm: Firm) -> dict[str, Any]:
    [found] = firm.post("/client/recording.search", {})["recordings"]
    recording: dict[str, Any] = found
    return recording


def old(file: Path) -> Path:
    os.utime(file, (WRITTEN_AT, WRITTEN_AT))
    return file


def test_sidecars_are_read_in_any_encoding_and_case(firm: Firm, folder: Path) -> None:
    encodings = {
        "bom": "utf-8-sig",
        "utf16": "utf-16",
        "utf16be": "utf-16-be",
        "utf16le": "utf-16-le",
        "utf32": "utf-32",
        "plain": "utf-8",
    }
    for name, encoding in encodings.items():
        put(folder / f"{name}.wav")
        sidecar = json.dumps(call(thirdPartyId=f"é {name}"), ensure_ascii=False, indent=1)
        (folder / f"{name}.wav.JSON").write_bytes(sidecar.replace("\n", "\r\n").encode(encoding))
    outcomes = take(firm, WatchedFolder(folder, FolderRules()))
    assert {name for name, one in outcomes.items() if one.accepted} == {f"{name}.wav" for name in encodings}
    assert sorted(firm.search()) == sorted(f"é {name}" for name in encodings)
    assert f"done/{'bom'}.wav.JSON" in files(folder)


def test_a_lone_surrogate_in_a_utf_16_sidecar_is_replaced_and_marked(firm: Firm, folder: Path) -> None:
    put(folder / "call.wav")
    sidecar = json.dumps(call(source="pbx X")).encode("utf-16-le").replace(b"X\0", b"\x00\xd8")
    (folder / "call.json").write_bytes(codecs.BOM_UTF16_LE + sidecar)
    assert take(firm, WatchedFolder(folder, FolderRules()))["call.wav"].accepted
    assert only(firm)["source"] == "pbx \N{REPLACEMENT CHARACTER}"
    assert detail(firm)["replacedCharactersIn"] == ["source"]


def test_a_time_in_the_future_is_taken_and_marked(firm: Firm, folder: Path) -> None:
    put(folder / "21260512-103000_204_205_a.wav")
    [outcome] = take(firm, WatchedFolder(folder, BY_NAME)).values()
    assert outcome.accepted
    assert only(firm)["startDatetimeUTC"] == "2126-05-12T10:30:00.000Z"
    assert "future" in detail(firm)["doubtfulFields"]["startDatetimeUTC"]
    assert "future" in outcome.note


def test_a_withheld_caller_is_taken(firm: Firm, folder: Path) -> None:
    put(folder / "20260512-103000__204_a.wav")
    take(firm, WatchedFolder(folder, BY_NAME))
    assert [one["endpoint"]["endpoint"] for one in only(firm)["endpoints"]] == ["withheld", "204"]


def test_a_path_that_is_too_long_for_an_id_is_shortened(firm: Firm, folder: Path) -> None:
    deep = Path(*["d" * 200] * 3)
    for name in ("1", "2"):
        put(folder / deep / name / "20260512-103000_204_205_.wav")
        put(folder / deep / name / ("e" * 200) / "20260512-103000_204_205_.wav", name.encode())
    assert all(one.accepted for one in take(firm, WatchedFolder(folder, BY_NAME)).values())
    assert len(set(firm.search())) == 4


def test_missing_fields_are_assumed_with_take_anyway(firm: Firm, folder: Path) -> None:
    old(put(folder / "memo.wav"))
    outcome = take(firm, WatchedFolder(folder, BY_NAME))["memo.wav"]
    assert "does not match" in outcome.reason
    assert "--retry-failed --take-anyway" in outcome.reason
    (folder / "failed" / "memo.wav").rename(folder / "memo.wav")
    outcome = take(firm, WatchedFolder(folder, ANYWAY))["memo.wav"]
    assert outcome.accepted
    found = only(firm)
    assert (found["thirdPartyId"], found["type"]) == ("memo.wav", "phone")
    assert found["startDatetimeUTC"] == "2026-05-12T10:30:00.000Z"
    assert set(detail(firm)["doubtfulFields"]) == {"type", "startDatetimeUTC", "endpoints"}


@pytest.mark.parametrize(
    ("sidecar", "aside"),
    [
        (call(directoin="In"), {"directoin": '"In"'}),
        (call(type="Phone", metadata={"desk": 7}), {"type": '"Phone"'}),
        (call(endDatetimeUTC="2026-05-12T10:29:00Z"), {"endDatetimeUTC": '"2026-05-12T10:29:00Z"'}),
        (call(startDatetimeUTC="1969-12-31T23:00:00Z"), {"startDatetimeUTC": '"1969-12-31T23:00:00Z"'}),
        (
            call(endpoints=[{"type": "fax", "endpoint": "1"}]),
            {"endpoints": '[{"type": "fax", "endpoint": "1"}]'},
        ),
        (
            call(tags=["a", 1, "b", 2], endpoints=[endpoint("204"), {"type": "fax"}]),
            {"tags": "[1, 2]", "endpoints": '[{"type": "fax"}]'},
        ),
        (call(tags=[1, 2]), {"tags": "[1, 2]"}),
        (call(metadata=[1]), {"metadata": "[1]"}),
        ('{"type": "phone",', {"sidecar": '{"type": "phone",'}),
        ("[1]", {"sidecar": "[1]"}),
        ('{"source": "a", "source": "b"}', {"sidecar": '{"source": "a", "source": "b"}'}),
    ],
)
@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)  # it is the sidecar that matters here
def test_wrong_parts_of_a_sidecar_are_kept_in_the_metadata(
    firm: Firm, folder: Path, sidecar: Any, aside: dict[str, str]
) -> None:
    put(folder / "call.wav", tone())
    written = folder / "call.json"
    written.write_text(sidecar if isinstance(sidecar, str) else json.dumps(sidecar))
    old(written)
    old(folder / "call.wav")
    refused = take(firm, WatchedFolder(folder, FolderRules()))["call.wav"]
    assert "--take-anyway" in refused.reason
    watched = WatchedFolder(folder, FolderRules(take_anyway=True))
    assert all(one.put_back() for one in watched.failed())
    taken = take(firm, watched)["call.wav"]
    assert taken.accepted, taken.reason
    told = detail(firm)
    assert told["notTaken"] == aside
    assert set(aside) <= set(told["doubtfulFields"])
    assert (told.get("desk") == 7) == ("desk" in json.dumps(sidecar))


def test_a_sidecar_that_is_not_utf_8_is_taken_with_take_anyway(firm: Firm, folder: Path) -> None:
    put(folder / "call.wav")
    sidecar = folder / "call.json"
    sidecar.write_bytes(json.dumps(call(source="Müller"), ensure_ascii=False).encode("latin-1"))
    old(sidecar)
    refused = take(firm, WatchedFolder(folder, FolderRules()))["call.wav"]
    assert "expected UTF-8" in refused.reason
    watched = WatchedFolder(folder, FolderRules(take_anyway=True))
    assert all(one.put_back() for one in watched.failed())
    assert take(firm, watched)["call.wav"].accepted
    assert only(firm)["source"] == "M\N{REPLACEMENT CHARACTER}ller"
    assert detail(firm)["replacedCharactersIn"] == ["source"]


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)  # it is the name that matters here
@pytest.mark.parametrize(
    "start", ["00010101-000000", "19691231-235959", "22000101-000000", "99991231-235959"]
)
def test_an_impossible_start_is_refused_and_taken_with_take_anyway(
    firm: Firm, folder: Path, start: str
) -> None:
    old(put(folder / f"{start}_204_205_a.wav"))
    template = Template("{start}_{from}_{to}_{id}", ZoneInfo("America/New_York"))
    watched = WatchedFolder(folder, replace(BY_NAME, template=template))
    [refused] = take(firm, watched).values()
    assert start == "19691231-235959" or "expected a time from 1970 to 2199" in refused.reason
    watched = WatchedFolder(folder, replace(ANYWAY, template=template))
    for one in watched.failed():
        one.put_back()
    take(firm, watched)
    assert firm.search() == ["a"]


def test_a_file_without_any_description_is_taken_with_take_anyway(firm: Firm, folder: Path) -> None:
    old(put(folder / "memo.wav"))
    put(folder / "call.wav", tone(), call())
    reading = FolderRules(sidecar_required=False, take_anyway=True)
    outcomes = take(firm, WatchedFolder(folder, reading))
    assert all(one.accepted for one in outcomes.values())
    assert outcomes["call.wav"].note == ""
    assert sorted(firm.search()) == ["call-1", "memo.wav"]
