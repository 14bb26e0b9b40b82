"""Receipts are kept apart from the database, so that recordings that a crash took back are noticed."""

import json
import logging
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.receipts.alarm import alarm
from earwitness.archive.receipts.compare import OTHERS_IN_FLIGHT, compare
from earwitness.archive.receipts.written import Receipt, Receipts, receipts_of
from earwitness.archive.recordings.counts import recount
from earwitness.archive.schema.account import metadata
from earwitness.archive.schema.ledger import audit_changes
from earwitness.archive.schema.people import counters
from earwitness.archive.schema.recordings import recordings, transcripts
from earwitness.archive.schema.vault import media_objects, recording_keys
from earwitness.archive.schema.work import audit_headers, audit_rows
from earwitness.archive.text.index import remove
from earwitness.archive.text.indexes import NEWER
from earwitness.cli.operator import action
from earwitness.ingest.accept import accept_all
from earwitness.ingest.arrivals import Arrival
from earwitness.ingest.parsed_metadata import parse_body
from earwitness.kernel.errors import Conflict
from earwitness.kernel.settings import Settings
from tests.cli.running import run, run_json
from tests.firm import CLIENT_ID, Firm, call, tone, transcript
from tests.serving import Server, administrator, server

KEPT, LOST = 5, 4


def names(receipts: list[Receipt]) -> list[str]:
    return [one.third_party_id for one in receipts]


def written(settings: Settings) -> list[Receipt]:
    return receipts_of(settings, CLIENT_ID).read(whole=True)[0].receipts


def take_back(firm: Firm, interaction_id: int) -> None:
    """Make the database what it was before this recording and all after it, as a replica that lags may be."""
    with firm.archive.write() as connection:
        later = select(recordings.c.position).where(recordings.c.interaction_id >= interaction_id)
        positions = connection.scalars(later).all()
        for table in reversed(metadata.sorted_tables):
            if "position" in table.c and table is not recordings:
                connection.execute(delete(table).where(table.c.position.in_(positions)))
        rows = select(audit_rows.c.id).where(audit_rows.c.parent_entity_id >= interaction_id)
        connection.execute(delete(audit_changes).where(audit_changes.c.audit_row_id.in_(rows)))
        connection.execute(delete(audit_rows).where(audit_rows.c.id.in_(rows)))
        connection.execute(delete(recordings).where(recordings.c.position.in_(positions)))
        if connection.dialect.name == "sqlite":
            remove(connection, NEWER, positions)
        recount(connection)
        is_theirs = counters.c.name == "interaction"
        connection.execute(update(counters).where(is_theirs).values(value=interaction_id - 1))


def sent(running: Server, number: int) -> int:
    parts = {"metadata": (None, json.dumps(call(thirdPartyId=f"call-{number}")))}
    answer = running.client.post("/ingest/recording", files=parts)
    assert answer.status_code == 201, answer.text
    interaction_id: int = answer.json()["interactionId"]
    return interaction_id


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)  # it is SQLite that ends recovery there
def test_a_flipped_bit_in_the_log_of_a_killed_server_raises_an_alarm_that_names_the_loss(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    log = settings.data / "accounts" / str(CLIENT_ID) / "archive.db-wal"
    with server(settings, administrator(settings)) as running:
        for number in range(KEPT):
            sent(running, number)
        intact = log.stat().st_size
        for number in range(KEPT, KEPT + LOST):
            newest = sent(running, number)
        os.killpg(running.process.pid, signal.SIGKILL)
        running.process.wait()
    with log.open("r+b") as file:
        file.seek(intact + 1000)
        [byte] = file.read(1)
        file.seek(intact + 1000)
        file.write(bytes([byte ^ 0x10]))
    lost = [f"call-{number}" for number in range(KEPT, KEPT + LOST)]

    accounts = Accounts(settings)
    with caplog.at_level(logging.ERROR):
        archive = accounts.open(CLIENT_ID)
    [record] = [one for one in caplog.records if one.levelno == logging.ERROR]
    ids = ", ".join(str(number + 1) for number in range(KEPT, KEPT + LOST))
    assert f"account {CLIENT_ID}" in record.getMessage()
    assert f"lacks {LOST} that were acknowledged, of interactionId {ids}." in record.getMessage()
    assert not any(name in record.getMessage() for name in lost)
    with archive.read() as connection:
        assert len(connection.scalars(select(recordings.c.position)).all()) == KEPT
    accounts.close()

    told = run_json(settings, "verify", CLIENT_ID, exit_code=1)
    assert [one["thirdPartyId"] for one in told["missing"]] == lost
    assert [one["interactionId"] for one in told["missing"]] == list(range(KEPT + 1, KEPT + LOST + 1))
    assert (told["damaged"], told["orphaned"]) == ([], [])
    assert run_json(settings, "status")["accounts"][0]["missing"] == LOST
    assert f"lacks {LOST} recordings" in run(settings, "status").stdout

    with server(settings, administrator_again(settings)) as running:
        assert sent(running, 99) > newest
        told_by_metrics = running.client.get(running.client.base_url.copy_with(path="/metrics")).text
        assert f"earwitness_recordings_missing {LOST}.0" in told_by_metrics
        for number in range(KEPT, KEPT + LOST - 1):
            assert sent(running, number) > newest
        assert names(alarm(receipts_of(settings, CLIENT_ID))) == lost[-1:]
        sent(running, KEPT + LOST - 1)
        assert alarm(receipts_of(settings, CLIENT_ID)) == []
    assert run_json(settings, "verify", CLIENT_ID)["missing"] == []
    assert run_json(settings, "status")["accounts"][0]["missing"] == 0


def administrator_again(settings: Settings) -> dict[str, object]:
    """A key for the administrator that there is."""
    api_key = run_json(settings, "apikey", "create", CLIENT_ID, "admin@example.com")
    return dict(api_key)


def test_a_database_that_lags_behind_is_noticed_at_the_next_start_and_gives_no_id_twice(firm: Firm) -> None:
    ids = [firm.ingest(thirdPartyId=f"call-{number}") for number in range(6)]
    take_back(firm, ids[4])
    accounts = Accounts(firm.settings)
    archive = accounts.open(CLIENT_ID)
    assert names(alarm(archive.receipts)) == ["call-4", "call-5"]
    accounts.close()
    assert firm.ingest(thirdPartyId="another") > ids[-1]
    assert firm.ingest(thirdPartyId="call-4") > ids[-1]
    assert names(alarm(archive.receipts)) == ["call-5"]


def test_a_database_that_lags_behind_under_a_running_server_is_noticed_by_the_next_ingest(
    firm: Firm, caplog: pytest.LogCaptureFixture
) -> None:
    ids = [firm.ingest(thirdPartyId=f"call-{number}") for number in range(6)]
    take_back(firm, ids[2])
    assert firm.ingest(thirdPartyId="another") > ids[-1]
    assert names(alarm(firm.archive.receipts)) == ["call-2", "call-3", "call-4", "call-5"]
    assert f"account {CLIENT_ID}: the database lacks 4 that were acknowledged" in caplog.text


def test_other_machines_may_have_acknowledged_more_than_this_one_knows(firm: Firm) -> None:
    newest = firm.ingest()
    take_back(firm, newest)
    margin = firm.ingest(thirdPartyId="call-2") - newest
    assert margin == (1 if firm.archive.engine.dialect.name == "sqlite" else OTHERS_IN_FLIGHT + 1)


def test_an_id_that_was_given_to_another_recording_hides_nothing(firm: Firm) -> None:
    newest = firm.ingest(thirdPartyId="lost")
    take_back(firm, newest)
    with firm.archive.write() as connection:  # like a program that knows no receipts
        of_none = replace(firm.archive, receipts=Receipts(firm.settings.data / "nowhere"))
        accept_all(connection, of_none, [_arrival("another")])
    accounts = Accounts(firm.settings)
    assert names(alarm(accounts.open(CLIENT_ID).receipts)) == ["lost"]
    accounts.close()


def _arrival(third_party_id: str) -> Arrival:
    metadata = parse_body(json.dumps(call(thirdPartyId=third_party_id)).encode(), has_media=False)
    return Arrival(metadata, action("test", "Test"))


def test_lost_media_and_transcripts_that_came_later_are_missed_too(firm: Firm) -> None:
    firm.ingest(thirdPartyId="heard")
    firm.ingest(thirdPartyId="told")
    media = {"media": ("a.wav", tone(0.1))}
    assert firm.call("PUT", "/ingest/recording/heard/media", files=media).is_success
    assert firm.call("PUT", "/ingest/recording/told/transcript", transcript("Hello.")).is_success
    with firm.archive.write() as connection:
        for table in (media_objects, recording_keys, transcripts):
            connection.execute(delete(table))
        connection.execute(update(recordings).values(has_media=False))
    told = run_json(firm.settings, "verify", CLIENT_ID, exit_code=1)["missing"]
    assert {one["thirdPartyId"]: one["part"] for one in told} == {"heard": "media", "told": "transcript"}
    assert firm.call("PUT", "/ingest/recording/heard/media", files=media).is_success
    assert firm.call("PUT", "/ingest/recording/told/transcript", transcript("Hello.")).is_success
    assert alarm(firm.archive.receipts) == []


def test_destroyed_recordings_are_not_missed(firm: Firm) -> None:
    firm.ingest()
    with firm.archive.write() as connection:
        for table in reversed(metadata.sorted_tables):
            if table not in (audit_rows, audit_headers) and "position" in table.c:
                connection.execute(delete(table))
        if connection.dialect.name == "sqlite":
            connection.execute(delete(NEWER.fts5))
        recount(connection)
    assert run_json(firm.settings, "verify", CLIENT_ID)["missing"] == []


def test_an_operator_ends_the_alarm_and_the_ledger_tells_of_it(firm: Firm) -> None:
    newest = firm.ingest()
    take_back(firm, newest)
    assert run_json(firm.settings, "verify", CLIENT_ID, exit_code=1)["missing"] != []
    [accepted] = run_json(firm.settings, "verify", CLIENT_ID, "--accept-missing")["accepted"]
    assert (accepted["interactionId"], accepted["thirdPartyId"]) == (newest, "call-1")
    assert run_json(firm.settings, "verify", CLIENT_ID)["missing"] == []
    assert run(firm.settings, "verify", CLIENT_ID, "--accept-missing").stdout == "Nothing is missing.\n"
    with firm.archive.read() as connection:
        row = connection.execute(select(audit_rows).where(audit_rows.c.entity_id == newest)).one()
        header = connection.execute(
            select(audit_headers).where(audit_headers.c.id == row.audit_header_id)
        ).one()
    assert row.metadata == {"missing": "recording", "thirdPartyId": "call-1"}
    assert (header.route, header.description) == ("earwitness verify", "Accept that recordings are missing")


def test_every_way_of_ingest_writes_receipts(firm: Firm, tmp_path: Path) -> None:
    firm.ingest(tone(0.1), thirdPartyId="by call")
    lines = [json.dumps(call(thirdPartyId=f"imported {number}")) for number in range(3)]
    (tmp_path / "media.wav").write_bytes(tone(0.1))
    lines.append(json.dumps(call(thirdPartyId="imported with media", mediaPath="media.wav")))
    (tmp_path / "manifest.jsonl").write_text("\n".join(lines))
    run_json(firm.settings, "import", CLIENT_ID, tmp_path / "manifest.jsonl")
    folder = tmp_path / "watched"
    folder.mkdir()
    (folder / "a.wav").write_bytes(tone(0.1))
    (folder / "a.json").write_text(json.dumps(call(thirdPartyId="watched")))
    run_json(firm.settings, "watch", CLIENT_ID, folder, "--once")
    with firm.archive.read() as connection:
        asked = select(recordings.c.third_party_id, recordings.c.interaction_id)
        there = dict(connection.execute(asked).all())
    assert len(there) == 6
    assert {one.third_party_id: one.interaction_id for one in written(firm.settings)} == there
    assert {one.part for one in written(firm.settings)} == {"recording"}


def test_refused_and_repeated_recordings_get_no_receipts(firm: Firm) -> None:
    firm.ingest()
    firm.ingest()
    assert firm.send(call(type="teams")).status_code == 409
    assert firm.send({"thirdPartyId": "bad"}).status_code == 400
    with suppress(Conflict), firm.archive.write() as connection:
        accept_all(connection, firm.archive, [_arrival("rolled back")])
        raise Conflict("after all")
    firm.ingest(thirdPartyId="call-2")
    assert names(written(firm.settings)) == ["call-1", "call-2"]


def test_only_the_owner_can_read_receipts_and_they_hold_no_content(firm: Firm) -> None:
    firm.ingest(type="sms", message="very secret", transcript=None, endDatetimeUTC=None)
    folder = firm.archive.receipts.folder
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    said = (folder / "current").read_text()
    assert "call-1" in said
    assert "secret" not in said
    assert "447896423595" not in said


def test_a_torn_line_is_reported_and_hides_no_other(firm: Firm) -> None:
    ids = [firm.ingest(thirdPartyId="before")]
    current = firm.archive.receipts.folder / "current"
    with current.open("ab") as file:
        file.write(b'0badc0de {"interactionId":77,"thirdPar')
    ids.append(firm.ingest(thirdPartyId="after"))
    assert ids[1] == ids[0] + 1
    told = run_json(firm.settings, "verify", CLIENT_ID)
    assert "1 lines of receipts are torn or damaged, and were not compared." in told["notChecked"]
    take_back(firm, ids[0])
    told = run_json(firm.settings, "verify", CLIENT_ID, exit_code=1)
    assert [one["thirdPartyId"] for one in told["missing"]] == ["before", "after"]


def test_without_room_for_receipts_recordings_are_taken_all_the_same(
    firm: Firm, caplog: pytest.LogCaptureFixture
) -> None:
    firm.archive.receipts.folder.parent.mkdir(parents=True, exist_ok=True)
    firm.archive.receipts.folder.write_bytes(b"in the way")
    firm.ingest()
    assert firm.search() == ["call-1"]
    assert "receipts cannot be written" in caplog.text
    firm.archive.receipts.folder.unlink()


def test_a_damaged_alarm_is_made_anew(firm: Firm, caplog: pytest.LogCaptureFixture) -> None:
    newest = firm.ingest()
    take_back(firm, newest)
    run(firm.settings, "verify", CLIENT_ID)
    assert names(alarm(firm.archive.receipts)) == ["call-1"]
    (firm.archive.receipts.folder / "missing").write_bytes(b"[{")
    assert alarm(firm.archive.receipts) == []
    assert "is damaged" in caplog.text
    told = run_json(firm.settings, "verify", CLIENT_ID, exit_code=1)
    assert [one["thirdPartyId"] for one in told["missing"]] == ["call-1"]


def test_a_damaged_alarm_ends_if_nothing_is_missing(firm: Firm, caplog: pytest.LogCaptureFixture) -> None:
    firm.ingest(thirdPartyId="call-1")
    (firm.archive.receipts.folder / "missing").write_bytes(b"no alarm")
    assert run(firm.settings, "verify", CLIENT_ID).exit_code == 0
    caplog.clear()
    assert alarm(firm.archive.receipts) == []
    assert "damaged" not in caplog.text


def test_everything_works_with_an_alarm_that_cannot_be_read(firm: Firm) -> None:
    firm.ingest()
    (firm.archive.receipts.folder / "missing").mkdir()
    assert run_json(firm.settings, "status")["accounts"][0]["missing"] == 0
    told = firm.app.state.installation.metrics.text().decode()
    assert "earwitness_recordings_missing 0.0" in told
    firm.ingest(thirdPartyId="call-2")
    assert set(firm.search()) == {"call-1", "call-2"}


def test_receipts_are_compared_a_batch_at_a_time_and_none_is_left_out(firm: Firm) -> None:
    ids = [firm.ingest(thirdPartyId=f"call-{number}") for number in range(5)]
    take_back(firm, ids[1])
    compare(firm.archive.engine, CLIENT_ID, firm.archive.receipts, batch=2)
    assert names(alarm(firm.archive.receipts)) == [f"call-{number}" for number in range(1, 5)]


@pytest.fixture(autouse=True)
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.WARNING):
        yield
