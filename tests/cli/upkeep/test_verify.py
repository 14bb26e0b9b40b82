"""earwitness verify names what is damaged, missing or orphaned, and how much it checked."""

import os
from pathlib import Path

import pytest

from earwitness.cli.upkeep import verifying
from tests.cli.running import run, run_json
from tests.firm import CLIENT_ID, Firm, tone


def media(firm: Firm) -> list[Path]:
    folder = firm.settings.data / "accounts" / str(CLIENT_ID) / "media"
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def recorded(firm: Firm) -> Firm:
    """A firm with three recordings, each with its original and its mp3."""
    for number in range(3):
        firm.ingest(tone(), thirdPartyId=f"call-{number}")
    firm.work()
    return firm


def test_an_intact_archive_is_reported_as_intact(recorded: Firm) -> None:
    told = run_json(recorded.settings, "verify", CLIENT_ID)
    size = told.pop("bytes")
    assert all(
        "amcheck" in reason for reason in told.pop("notChecked")
    )  # on PostgreSQL, where it is not there
    assert told == {
        "verified": 6,
        "isComplete": True,
        "damaged": [],
        "missing": [],
        "missingKeys": [],
        "orphaned": [],
    }
    assert size > 3 * len(tone())
    assert "6 objects" in run(recorded.settings, "verify", CLIENT_ID).stdout


def test_damage_is_named_and_is_a_failure(recorded: Firm) -> None:
    gone, torn, *_ = media(recorded)
    gone.unlink()
    os.truncate(torn, 100)
    stray = torn.with_name("0" * 28)
    stray.write_bytes(b"x")
    told = run_json(recorded.settings, "verify", CLIENT_ID, exit_code=1)
    assert sorted(one["damage"] for one in told["damaged"]) == ["damaged", "missing"]
    assert {one["thirdPartyId"] for one in told["damaged"]} <= {"call-0", "call-1", "call-2"}
    assert {type(one["interactionId"]) for one in told["damaged"]} == {int}
    assert [name.rpartition("/")[2] for name in told["orphaned"]] == ["0" * 28]
    shown = run(recorded.settings, "verify", CLIENT_ID)
    assert shown.exit_code == 1
    for word in ("damaged:", "missing:", "orphaned:", "interactionId", "thirdPartyId call-"):
        assert word in shown.stdout


def test_media_of_no_recording_is_a_failure_until_it_is_moved_away(recorded: Firm) -> None:
    stray = media(recorded)[0].with_name("0" * 28)
    stray.write_bytes(b"x")
    assert len(run_json(recorded.settings, "verify", CLIENT_ID, exit_code=1)["orphaned"]) == 1
    stray.rename(recorded.settings.data / "elsewhere")
    assert run_json(recorded.settings, "verify", CLIENT_ID)["orphaned"] == []


def test_a_sample_can_be_taken_again(recorded: Firm) -> None:
    told = run_json(recorded.settings, "verify", CLIENT_ID, "--sample", "50%")
    assert told["verified"] <= 6
    assert (
        "The databases were not checked."
        in run(recorded.settings, "verify", CLIENT_ID, "--sample", "1%").stdout
    )
    assert told["orphaned"] is None
    again = run_json(recorded.settings, "verify", CLIENT_ID, "--sample", "0.5", "--seed", told["seed"])
    assert again == told


@pytest.mark.parametrize("share", ["0", "0%", "101%", "2", "some", "-5%"])
def test_an_invalid_share_is_refused(firm: Firm, share: str) -> None:
    assert run(firm.settings, "verify", CLIENT_ID, "--sample", share).exit_code == 2


def test_a_check_that_ran_out_of_time_says_so(recorded: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter(range(0, 10_000, 50))
    monkeypatch.setattr(verifying, "monotonic", lambda: next(moments))
    told = run_json(recorded.settings, "verify", CLIENT_ID, "--minutes", "2")
    assert told["isComplete"] is False
    assert 0 < told["verified"] < 6
    whole = run_json(recorded.settings, "verify", CLIENT_ID, "--minutes", "9999")
    assert (whole["isComplete"], whole["verified"]) == (True, 6)
