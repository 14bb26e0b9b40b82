"""A key that recordings need and this server lacks is reported as missing, not as damage."""

import base64
import os
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import select, update

from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.vault import recording_keys
from earwitness.kernel.clock import now_ms
from earwitness.kernel.settings import Settings
from tests.api.test_health import missing
from tests.cli.running import run, run_json
from tests.firm import CLIENT_ID, Firm, tone

TOKEN = "a token for metrics"
OTHER = "other:" + base64.b64encode(os.urandom(32)).decode()


@pytest.fixture
def first(settings: Settings) -> Firm:
    """A firm that had its recordings under its first key, and has ended."""
    with Firm(replace(settings, metrics_token=TOKEN)) as firm:
        for number in range(3):
            firm.ingest(tone(), thirdPartyId=f"call-{number}")
    return firm


@pytest.fixture
def without(first: Firm) -> Iterator[Firm]:
    """The same firm on a server that has another key and not the one that the recordings need."""
    with Firm(replace(first.settings, key_encryption_key=OTHER), keys=first.keys) as firm:
        yield firm


def needed(firm: Firm) -> str:
    """The id of the key that the recordings need."""
    [detail] = firm.post("/client/recording.detail.get", {"interactionIds": [1]})
    key_id: str = detail["encryptionDetail"]["keyId"]
    return key_id


def gauge(firm: Firm) -> float:
    told = re.search(
        r"^earwitness_keys_missing (\S+)$",
        firm.client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text,
        re.MULTILINE,
    )
    assert told is not None
    return float(told[1])


@pytest.mark.parametrize(
    "form", [{"format": "raw"}, {"format": "mp3"}, {"format": "raw", "streamThrough": True}]
)
def test_playback_names_the_key_that_is_missing(without: Firm, form: dict[str, object]) -> None:
    body = {"thirdPartyId": "call-1"} | form
    answer = without.call("POST", "/client/recording.playBackByThirdPartyId", body)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (503, "key-missing")
    assert problem["keyId"] == needed(without)
    assert needed(without) in problem["detail"]


def test_a_player_is_told_which_key_is_missing(without: Firm) -> None:
    answer = without.call("GET", "/client/recording/1/media?format=raw")
    assert (answer.status_code, answer.json()["code"]) == (503, "key-missing")


def test_the_metric_and_readyz_say_so_until_the_key_is_back(without: Firm, first: Firm) -> None:
    assert gauge(without) == 1
    assert missing(without) == ["keys"]
    assert needed(without) in without.client.get("/readyz").json()["detail"]
    with Firm(first.settings, keys=first.keys) as back:
        assert gauge(back) == 0
        assert missing(back) == []


def test_recordings_that_come_while_a_key_is_missing_play(without: Firm) -> None:
    without.ingest(tone(), thirdPartyId="later")
    body = {"thirdPartyId": "later", "format": "raw"}
    assert without.call("POST", "/client/recording.playBackByThirdPartyId", body).content == tone()


def test_verify_names_missing_keys_apart_from_damage(without: Firm) -> None:
    told = run_json(without.settings, "verify", CLIENT_ID, exit_code=1)
    assert told["damaged"] == []
    assert told["missingKeys"] == [{"keyId": needed(without), "objects": 3, "interactionIds": [1, 2, 3]}]
    shown = run(without.settings, "verify", CLIENT_ID)
    assert shown.exit_code == 1
    assert f"missing key: {needed(without)}; 3 objects" in shown.stdout


def test_status_names_missing_keys(without: Firm) -> None:
    assert run_json(without.settings, "status")["missingKeys"] == [needed(without)]
    told = f"{needed(without)} is missing: 3 recordings cannot be opened without it."
    assert told in run(without.settings, "status").stdout
    back = replace(without.settings, key_encryption_key="")
    assert run_json(back, "status")["missingKeys"] == []
    assert "is missing" not in run(back, "status").stdout


def test_a_rotation_names_the_key_that_is_missing_and_damages_nothing(first: Firm) -> None:
    without = replace(first.settings, key_encryption_key=OTHER)
    rotated = run_json(without, "key", "rotate", exit_code=1)
    assert rotated["damaged"] == []
    assert list(rotated["missing"].values()) == [3]
    with Firm(first.settings, keys=first.keys) as back:
        assert missing(back) == []
        body = {"thirdPartyId": "call-1", "format": "raw"}
        assert back.call("POST", "/client/recording.playBackByThirdPartyId", body).content == tone()


def test_a_key_that_no_recording_needs_any_more_is_not_missed(first: Firm) -> None:
    (old,) = run_json(first.settings, "key", "list")["keys"]
    rotated = run_json(first.settings, "key", "rotate")
    run_json(first.settings, "key", "retire", old["id"])
    with Firm(first.settings, keys=first.keys) as after:
        assert (gauge(after), missing(after)) == (0, [])
        assert needed(after) == rotated["current"]


def test_one_recording_whose_key_id_is_damaged_does_not_take_the_server_away(first: Firm) -> None:
    with Firm(first.settings, keys=first.keys) as firm:
        with firm.archive.write() as connection:
            damaged = select(recordings.c.position).where(recordings.c.third_party_id == "call-0")
            this = recording_keys.c.position == connection.scalar(damaged)
            connection.execute(update(recording_keys).where(this).values(kek_id="kek-1999-01"))
        body = {"thirdPartyId": "call-0", "format": "raw"}
        answer = firm.call("POST", "/client/recording.playBackByThirdPartyId", body)
        assert (answer.status_code, answer.json()["keyId"]) == (503, "kek-1999-01")
        assert run_json(firm.settings, "key", "list", exit_code=1)["missing"] == {"kek-1999-01": 1}
        assert (gauge(firm), missing(firm)) == (0, [])


def test_a_key_whose_recordings_were_destroyed_is_not_missed_when_it_is_retired(settings: Settings) -> None:
    with Firm(replace(settings, metrics_token=TOKEN)) as firm:
        firm.ingest(tone(), thirdPartyId="call-1")
        (old,) = run_json(settings, "key", "list")["keys"]
        with firm.archive.write() as connection:
            connection.execute(update(recordings).values(retain_until=now_ms() - 1))
        run_json(settings, "key", "destroy", CLIENT_ID, 1, "--yes")
        run_json(settings, "key", "rotate")
        run_json(settings, "key", "retire", old["id"])
        assert (gauge(firm), missing(firm)) == (0, [])
