"""What is refused for a limit is said by `earwitness status`: how often, when, and which setting did it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from earwitness.archive.upkeep import refusals
from earwitness.archive.upkeep.limits import LIMITS, VARIABLES
from earwitness.archive.upkeep.refusals import KEPT_DAYS, Counted
from earwitness.http.monitoring.refusals import Refusals
from earwitness.http.playback.held_renditions import HeldRenditions
from earwitness.http.playback.rendition_room import RenditionRoom, RoomLimits
from earwitness.http.playback.stream_places import StreamPlaces
from earwitness.kernel.clock import now_ms
from tests.api.playing import MEDIA, PLAY
from tests.api.serving import client_of
from tests.cli.conftest import Run
from tests.firm import Firm
from tests.http.playback.changed_servers import changed_server_of
from tests.waiting import until

DAY_MS = 86_400_000
OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"


def test_status_says_what_was_refused_how_often_and_which_setting_did_it(
    firm: Firm,
    tell: Callable[..., Any],
    run: Run,
) -> None:
    firm.ingest(MEDIA)
    firm.work()
    assert tell("status")["refusals"] == []
    assert "Refused for a limit" not in run("status").stdout
    began = now_ms()
    renditions = HeldRenditions(room=RenditionRoom(RoomLimits(rendition_bytes=100)))
    streams = StreamPlaces(0, patience_seconds=0)
    parts = {"renditions": renditions, "streams": streams}
    with changed_server_of(firm, **parts) as base_url, client_of(firm, base_url) as client:
        sent = {"thirdPartyId": "call-1", "format": "wav"}
        assert client.post(PLAY, json=sent).json()["code"] == "rendition-too-large"
        until(lambda: tell("status")["refusals"], "the first is written at once")
        for format_ in ("wav", "wav-mono"):
            assert client.post(PLAY, json=sent | {"format": format_}).status_code == 422
        assert client.post(PLAY, json={"thirdPartyId": "no such call"}).status_code == 404
        assert client.post(PLAY, json=sent | {"format": "flac"}).status_code == 400
    [told] = tell("status")["refusals"]
    assert (told["code"], told["count"]) == ("rendition-too-large", 3), "all, once the server has ended"
    assert told["setting"] == "EARWITNESS_MAX_RENDITION_GIB"
    assert told["first"] <= told["last"]
    assert refusals.read(firm.settings.data)["rendition-too-large"].first_at >= began
    said = " ".join(run("status").stdout.split())
    assert "Refused for a limit, rendition-too-large: 3 calls, from" in said
    assert "EARWITNESS_MAX_RENDITION_GIB sets the limit." in said


def test_a_limit_that_cannot_be_set_is_said_to_be_fixed(
    firm: Firm,
    run: Run,
) -> None:
    firm.ingest(MEDIA)
    streams = StreamPlaces(0, patience_seconds=0)
    with changed_server_of(firm, streams=streams) as base_url, client_of(firm, base_url) as client:
        sent = {"thirdPartyId": "call-1", "format": "wav", "streamThrough": True}
        assert client.post(PLAY, json=sent).json()["code"] == "streams-taken"
    said = " ".join(run("status").stdout.split())
    assert "streams-taken: 1 call, from" in said
    assert "The limit is fixed." in said


def test_processes_and_servers_that_follow_one_another_add_to_the_same_counts(tmp_path: Path) -> None:
    for _ in range(2):
        both = [Refusals(tmp_path), Refusals(tmp_path)]
        for one in both:
            one.start()
            one.note("renditions-full")
            one.note("disk-low")
        for one in both:
            one.stop()
    counted = refusals.read(tmp_path)
    assert {code: one.count for code, one in counted.items()} == {"renditions-full": 4, "disk-low": 4}


def test_what_no_limit_refused_is_not_counted(tmp_path: Path) -> None:
    counting = Refusals(tmp_path)
    counting.start()
    for code in ("not-found", "unavailable", "storage-full"):
        counting.note(code)
    counting.stop()
    assert list(tmp_path.iterdir()) == [], "nothing is written where nothing was refused"


def test_old_days_are_forgotten(tmp_path: Path) -> None:
    now = now_ms()
    for days in (KEPT_DAYS, KEPT_DAYS - 1, 0):
        at = now - days * DAY_MS
        refusals.add(tmp_path, {"disk-low": Counted(10**days, at, at)})
    counted = refusals.read(tmp_path)["disk-low"]
    assert counted == Counted(10 ** (KEPT_DAYS - 1) + 1, now - (KEPT_DAYS - 1) * DAY_MS, now)


@pytest.mark.parametrize("damage", [b"", b"{", b'{"2026-01-01": 7}'])
def test_status_says_that_counts_cannot_be_read_and_servers_begin_anew(
    firm: Firm,
    tell: Callable[..., Any],
    run: Run,
    damage: bytes,
) -> None:
    now, data = now_ms(), firm.settings.data
    refusals.add(data, {"disk-low": Counted(1, now, now)})
    (data / "refusals" / "counts.json").write_bytes(damage)
    assert tell("status")["refusals"] is None
    assert "refusals/counts.json cannot be read" in " ".join(run("status").stdout.split())
    refusals.add(data, {"disk-low": Counted(2, now, now)})
    assert [one["count"] for one in tell("status")["refusals"]] == [2]


def test_what_cannot_be_written_is_written_later(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    in_the_way = tmp_path / "refusals"
    in_the_way.touch()
    counting = Refusals(tmp_path, every_seconds=0.01)
    counting.start()
    counting.note("disk-low")
    until(lambda: caplog.records, "the log says that it could not be written")
    assert "lacks calls that were refused" in caplog.text
    in_the_way.unlink()
    until(lambda: refusals.read(tmp_path), "it is written")
    counting.stop()
    assert refusals.read(tmp_path)["disk-low"].count == 1


def test_each_limit_is_explained_to_operators() -> None:
    text = OPERATIONS.read_text()
    assert [code for code in LIMITS if f"`{code}`" not in text] == []
    assert all(variable is None or variable.startswith("EARWITNESS_") for variable in VARIABLES.values())
