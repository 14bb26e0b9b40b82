"""earwitness reprocess: every step can be done again, and earlier results are there until then."""

from typing import Any

import pytest
from sqlalchemy import delete, update

from earwitness.archive.integrity.objects import orphans
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.text import recording_text_fts5, recording_text_parts
from earwitness.archive.schema.vault import waveforms
from tests.cli.running import run, run_json
from tests.firm import CLIENT_ID, Firm, call, endpoint, tone, transcript


def reprocess(firm: Firm, *words: object) -> int:
    """Reprocess by the command, do the jobs, and return how many there were."""
    queued: int = run_json(firm.settings, "reprocess", CLIENT_ID, *words)["queued"]
    firm.work()
    return queued


def detail(firm: Firm, interaction_id: int) -> Any:
    (found,) = firm.post("/client/recording.detail.get", {"interactionIds": [interaction_id]})
    return found


def mp3(firm: Firm) -> bytes:
    wanted = {"thirdPartyId": "call-1", "format": "mp3"}
    return firm.call("POST", "/client/recording.playBackByThirdPartyId", wanted).content


def test_a_rendition_that_is_made_again_replaces_the_old_one(firm: Firm) -> None:
    firm.ingest(tone(1.0))
    firm.work()
    before, names = mp3(firm), set(firm.archive.store.names())
    assert reprocess(firm, "--step", "measure") == 1
    after = set(firm.archive.store.names())
    assert mp3(firm) == before
    assert len(after) == len(names) == 2
    assert len(after & names) == 1
    assert list(orphans(firm.archive)) == []


@pytest.mark.parametrize("step", [None, "measure"])
def test_a_missing_waveform_is_made_again(firm: Firm, step: str | None) -> None:
    interaction_id = firm.ingest(tone(1.0))
    firm.work()
    before = detail(firm, interaction_id)
    with firm.archive.write() as connection:
        connection.execute(delete(waveforms))
    assert detail(firm, interaction_id) != before
    assert reprocess(firm, *(("--step", step) if step else ())) == 1
    assert detail(firm, interaction_id)["waveForm"] == before["waveForm"]


@pytest.mark.parametrize("step", [None, "index"])
def test_a_recording_that_is_missing_in_the_index_is_indexed_again(firm: Firm, step: str | None) -> None:
    firm.ingest(transcript=transcript("Please sell five hundred shares."))
    with firm.archive.write() as connection:
        sqlite = connection.dialect.name == "sqlite"
        connection.execute(delete(recording_text_fts5 if sqlite else recording_text_parts))
    assert firm.search(freeText="shares") == []
    assert reprocess(firm, *(("--step", step) if step else ())) == 1
    assert firm.search(freeText="shares") == ["call-1"]


def test_the_retention_date_is_set_again(firm: Firm) -> None:
    assert firm.call("PUT", "/admin/retentionGroup/accountDefault", {"default": 30}).is_success
    interaction_id = firm.ingest()
    with firm.archive.write() as connection:
        connection.execute(update(recordings).values(retain_until=1))
    assert reprocess(firm, "--step", "retain") == 1
    assert detail(firm, interaction_id)["metadata"]["retention"]["retainUntil"] == "2026-06-11T10:31:00.000Z"


def test_one_recording_can_be_chosen(firm: Firm) -> None:
    for number in range(3):
        interaction_id = firm.ingest(thirdPartyId=f"call-{number}")
    assert reprocess(firm, "--interaction-id", interaction_id) == 1
    assert reprocess(firm) == 3


def test_an_unfinished_job_is_not_queued_again(firm: Firm) -> None:
    firm.ingest(tone(0.2))
    assert run_json(firm.settings, "reprocess", CLIENT_ID) == {"queued": 0}
    assert run_json(firm.settings, "reprocess", CLIENT_ID, "--step", "index") == {"queued": 1}
    assert run_json(firm.settings, "reprocess", CLIENT_ID, "--step", "index") == {"queued": 0}
    firm.work()
    assert run_json(firm.settings, "reprocess", CLIENT_ID) == {"queued": 1}


def test_only_recordings_with_media_are_measured(firm: Firm) -> None:
    firm.ingest(thirdPartyId="without")
    message = call(
        thirdPartyId="sms-1", type="sms", message="On my way.", endpoints=[endpoint("447896423595")]
    )
    assert firm.send(message).is_success
    assert run_json(firm.settings, "reprocess", CLIENT_ID, "--step", "measure") == {"queued": 0}


def test_an_unknown_recording_is_an_error(firm: Firm) -> None:
    told = run_json(firm.settings, "reprocess", CLIENT_ID, "--interaction-id", 99, exit_code=1)
    assert "99" in told["error"]


def test_without_an_engine_nothing_can_be_transcribed(firm: Firm) -> None:
    result = run(firm.settings, "reprocess", CLIENT_ID, "--step", "transcribe")
    assert result.exit_code == 1
    assert "--transcription" in result.output


def test_the_audit_log_of_a_recording_has_what_was_queued_again(firm: Firm) -> None:
    one, other = (firm.ingest(tone(0.2), thirdPartyId=f"call-{number}") for number in range(2))
    firm.work()
    reprocess(firm, "--step", "index", "--interaction-id", one)
    reprocess(firm)

    def told(interaction_id: int) -> list[Any]:
        log = firm.post("/client/recording/audit", {"recordingId": interaction_id})
        return [row["metadata"] for row in log if row["route"] == "earwitness reprocess"]

    assert told(one) == [{"step": "index"}, None]
    assert told(other) == [None]
