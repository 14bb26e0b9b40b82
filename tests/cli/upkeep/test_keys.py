"""Key-encryption keys are replaced while the server runs, and media is not changed."""

import base64
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from earwitness.archive.integrity.objects import Sample, check, orphans
from earwitness.archive.media import key_rotation
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.vault import recording_keys
from earwitness.archive.schema.work import audit_headers, audit_rows
from earwitness.kernel.clock import now_ms
from earwitness.kernel.settings import Settings
from earwitness.media.keys.key_ring import KEYS_FILE, KeyMissing, KeyRing
from tests.cli.running import run, run_json
from tests.firm import CLIENT_ID, Firm, tone

RECORDINGS = 5


@pytest.fixture
def recorded(firm: Firm) -> Firm:
    """A firm with five recordings."""
    for number in range(RECORDINGS):
        firm.ingest(tone(), thirdPartyId=f"call-{number}")
    return firm


def objects(firm: Firm) -> dict[Path, tuple[bytes, int]]:
    media = firm.settings.data / "accounts" / str(CLIENT_ID) / "media"
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in media.rglob("*") if path.is_file()}


def play(firm: Firm, third_party_id: str) -> Any:
    wanted = {"thirdPartyId": third_party_id, "format": "raw"}
    return firm.call("POST", "/client/recording.playBackByThirdPartyId", wanted)


def all_play(firm: Firm) -> bool:
    return all(play(firm, f"call-{number}").content == tone() for number in range(RECORDINGS))


def wrapped_with(firm: Firm) -> set[str]:
    with firm.archive.read() as connection:
        return set(connection.scalars(select(recording_keys.c.kek_id)))


def test_keys_are_listed_with_what_needs_them(recorded: Firm) -> None:
    listed = run_json(recorded.settings, "key", "list")
    (first,) = listed["keys"]
    assert first == {"id": first["id"], "current": True, "recordings": RECORDINGS}
    assert listed["missing"] == {}
    shown = run(recorded.settings, "key", "list")
    assert first["id"] in shown.stdout
    secret = (recorded.settings.keys_folder / KEYS_FILE).read_text().split('"')[-2]
    assert secret not in shown.stdout


def test_a_rotation_wraps_every_key_again_and_changes_no_media(recorded: Firm) -> None:
    before, media = wrapped_with(recorded), objects(recorded)
    rotated = run_json(recorded.settings, "key", "rotate")
    assert rotated == {
        "current": rotated["current"],
        "isNew": True,
        "rewrapped": RECORDINGS,
        "damaged": [],
        "missing": {},
    }
    assert wrapped_with(recorded) == {rotated["current"]} != before
    assert objects(recorded) == media
    assert all_play(recorded)


def test_a_running_server_uses_the_new_key_at_once(recorded: Firm) -> None:
    rotated = run_json(recorded.settings, "key", "rotate")
    recorded.ingest(tone(), thirdPartyId="later")
    assert wrapped_with(recorded) == {rotated["current"]}
    assert play(recorded, "later").content == tone()


def test_keys_are_rewrapped_a_batch_at_a_time_and_none_is_left_out(recorded: Firm) -> None:
    kek_id = recorded.app.state.installation.accounts.identity.rotate()
    counts = [one.count for one in key_rotation.rewrap(recorded.archive, batch=2)]
    assert counts == [2, 2, RECORDINGS - 4]
    assert wrapped_with(recorded) == {kek_id}


def test_an_interrupted_rotation_is_continued(recorded: Firm) -> None:
    recorded.app.state.installation.accounts.identity.rotate()
    batches = key_rotation.rewrap(recorded.archive, batch=2)
    next(batches)
    next(batches)  # the first batch is committed, the second one is not
    batches.close()
    assert len(wrapped_with(recorded)) == 2
    assert all_play(recorded)
    again = run_json(recorded.settings, "key", "rotate")
    assert (again["isNew"], again["rewrapped"]) == (False, RECORDINGS - 2)
    assert wrapped_with(recorded) == {again["current"]}
    assert all_play(recorded)


def test_a_rotation_can_be_run_again_and_again(recorded: Firm) -> None:
    rotations = [run_json(recorded.settings, "key", "rotate") for _ in range(3)]
    assert len({rotation["current"] for rotation in rotations}) == 3
    assert [rotation["rewrapped"] for rotation in rotations] == [RECORDINGS] * 3
    assert all_play(recorded)


def test_every_account_is_rotated(recorded: Firm) -> None:
    accounts = recorded.app.state.installation.accounts
    accounts.create(7654321, "Another firm")
    assert run_json(recorded.settings, "key", "rotate")["rewrapped"] == RECORDINGS
    run_json(recorded.settings, "key", "retire", run_json(recorded.settings, "key", "list")["keys"][0]["id"])


def test_a_damaged_key_is_named_and_does_not_hold_up_the_others(recorded: Firm) -> None:
    with recorded.archive.write() as connection:
        position = connection.scalar(
            select(recordings.c.position).where(recordings.c.third_party_id == "call-2")
        )
        this = recording_keys.c.position == position
        connection.execute(update(recording_keys).where(this).values(wrapped_key=bytes(60)))
    rotated = run_json(recorded.settings, "key", "rotate", exit_code=1)
    assert rotated["rewrapped"] == RECORDINGS - 1
    assert rotated["damaged"] == [{"clientId": CLIENT_ID, "interactionId": 3}]


def test_only_a_key_that_nothing_needs_is_retired(recorded: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    (first,) = wrapped_with(recorded)
    ring = KeyRing.open(recorded.settings)
    for_a_backup = ring.wrap(bytes(32), b"")
    assert "error" in run_json(recorded.settings, "key", "retire", first, exit_code=1)
    with monkeypatch.context() as patch:
        patch.setattr(key_rotation, "rewrap", lambda archive: iter(()))
        run_json(recorded.settings, "key", "rotate")
    assert f"need {first}" in run_json(recorded.settings, "key", "retire", first, exit_code=1)["error"]
    run_json(recorded.settings, "key", "rotate")
    assert run_json(recorded.settings, "key", "retire", first) == {"retired": first}
    assert "error" in run_json(recorded.settings, "key", "retire", first, exit_code=1)
    assert [key["id"] for key in run_json(recorded.settings, "key", "list")["keys"]] == [
        KeyRing.open(recorded.settings).current
    ]
    assert all_play(recorded)
    with pytest.raises(KeyMissing):
        KeyRing.open(recorded.settings).unwrap(for_a_backup, b"")


def test_a_key_that_is_missing_is_named(recorded: Firm) -> None:
    with recorded.archive.write() as connection:
        connection.execute(update(recording_keys).values(kek_id="kek-1999-01"))
    listed = run_json(recorded.settings, "key", "list", exit_code=1)
    assert listed["missing"] == {"kek-1999-01": RECORDINGS}


def test_keys_given_by_a_setting_are_rotated_there(settings: Settings) -> None:
    with Firm(settings) as before:
        for number in range(RECORDINGS):
            before.ingest(tone(), thirdPartyId=f"call-{number}")
        (first,) = wrapped_with(before)
    file = (settings.keys_folder / KEYS_FILE).read_text()
    old = f"{first}:{file.split(first)[2].split(chr(34))[2]}"
    refused = run(settings, "key", "rotate", EARWITNESS_KEY_ENCRYPTION_KEY=old)
    assert refused.exit_code == 1
    new = "vault-8:" + base64.b64encode(os.urandom(32)).decode()
    rotated = run(settings, "key", "rotate", EARWITNESS_KEY_ENCRYPTION_KEY=f"{new},{old}")
    assert rotated.exit_code == 0, rotated.output
    with Firm(replace(settings, key_encryption_key=new), keys=before.keys) as after:
        assert wrapped_with(after) == {"vault-8"}
        assert all_play(after)


def test_rotations_are_in_the_ledger(recorded: Firm) -> None:
    rotated = run_json(recorded.settings, "key", "rotate")
    with recorded.archive.read() as connection:
        row = connection.execute(
            select(audit_rows, audit_headers.c.username)
            .join(audit_headers, audit_headers.c.id == audit_rows.c.audit_header_id)
            .where(audit_headers.c.route == "earwitness key rotate")
        ).one()
    assert row.metadata == {"keyId": rotated["current"], "recordings": RECORDINGS}
    assert row.username.startswith("operator:")


def end_retention(firm: Firm, third_party_id: str = "call-2") -> int:
    """End the retention of a recording, and return its interactionId."""
    this = recordings.c.third_party_id == third_party_id
    with firm.archive.write() as connection:
        connection.execute(update(recordings).where(this).values(retain_until=now_ms() - 1))
        interaction_id: int = connection.execute(select(recordings.c.interaction_id).where(this)).scalar_one()
    return interaction_id


def destroy(firm: Firm, interaction_id: int, *words: str, exit_code: int = 0) -> Any:
    given = ("key", "destroy", CLIENT_ID, interaction_id, *(words or ("--yes",)))
    return run_json(firm.settings, *given, exit_code=exit_code)


def test_a_recording_whose_key_is_destroyed_has_no_media(recorded: Firm) -> None:
    archive, interaction_id = recorded.archive, end_retention(recorded)
    before = len(objects(recorded))
    assert destroy(recorded, interaction_id) == {"destroyed": interaction_id, "objects": 1}
    assert len(objects(recorded)) == before - 1
    assert list(orphans(archive)) == []
    assert [one.damage for one in check(archive, Sample("")) if one.damage] == []
    answer = play(recorded, "call-2")
    assert (answer.status_code, answer.json()["code"]) == (404, "no-media")
    assert play(recorded, "call-1").content == tone()
    page = recorded.post("/client/recording.search", {"thirdPartyIds": {"include": ["call-2"]}})
    assert page["recordings"][0]["mediaAccessStatus"] == "Unavailable"
    recorded.work()
    assert run_json(recorded.settings, "jobs", "list", CLIENT_ID) == []
    log = recorded.post("/client/recording/audit", {"recordingId": interaction_id})
    assert [row["metadata"] for row in log if row["route"] == "earwitness key destroy"] == [{"objects": 1}]
    assert "no media" in destroy(recorded, interaction_id, exit_code=1)["error"]


def test_a_recording_that_must_be_kept_is_not_destroyed(recorded: Firm) -> None:
    free = end_retention(recorded)
    hold = {"name": "Matter 7", "interactionIds": [free]}
    path = f"/admin/legalHold/{recorded.post('/admin/legalHold', hold)['id']}"
    assert "Matter 7" in destroy(recorded, free, exit_code=1)["error"]
    assert "for ever" in destroy(recorded, 1, exit_code=1)["error"]
    with recorded.archive.write() as connection:
        connection.execute(update(recordings).values(retain_until=now_ms() + 100_000))
    assert "until" in destroy(recorded, 1, exit_code=1)["error"]
    assert "no recording" in destroy(recorded, 999, exit_code=1)["error"]
    assert all_play(recorded)
    assert recorded.call("DELETE", path).is_success
    end_retention(recorded)
    assert destroy(recorded, free)["destroyed"] == free


def test_nothing_is_destroyed_without_confirmation(recorded: Firm) -> None:
    interaction_id = end_retention(recorded)
    assert (
        "--yes"
        in run_json(recorded.settings, "key", "destroy", CLIENT_ID, interaction_id, exit_code=1)["error"]
    )
    assert run(recorded.settings, "key", "destroy", CLIENT_ID, interaction_id).exit_code != 0
    assert all_play(recorded)


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_a_destroyed_key_leaves_no_trace_in_the_database_file(recorded: Firm) -> None:
    file = recorded.settings.data / "accounts" / str(CLIENT_ID) / "archive.db"
    interaction_id = end_retention(recorded, "call-0")
    with recorded.archive.read() as connection:
        wrapped = connection.scalars(select(recording_keys.c.wrapped_key).limit(1)).one()
    _flush(recorded)
    assert wrapped in file.read_bytes()
    destroy(recorded, interaction_id)
    _flush(recorded)
    left = [path.name for path in file.parent.glob("archive.db*") if wrapped in path.read_bytes()]
    assert left == []


def _flush(firm: Firm) -> None:
    with firm.archive.engine.connect() as connection:
        connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
