"""Processing a recording: the original is kept, whatever it is."""

import io
from typing import Any

import pytest
from sqlalchemy import update

from earwitness.archive.jobs import queue
from earwitness.archive.schema.people import account
from earwitness.archive.schema.vault import waveforms
from earwitness.http.playback.rendition_size import expected_size
from earwitness.ingest.steps.measure import LARGEST_MP3_BYTES, BoundedSink
from earwitness.media.decoder.decoder import DecoderFailed, process
from earwitness.media.measurement import DecoderLimits
from tests.firm import Firm, call, tone
from tests.media.corpus import CORPUS
from tests.media.hearing import Memory
from tests.media.wavs import read_wav


def found(firm: Firm) -> dict[str, Any]:
    (recording,) = firm.post("/client/recording.search", {})["recordings"]
    assert isinstance(recording, dict)
    return recording


def detail(firm: Firm, interaction_id: int) -> dict[str, Any]:
    (answer,) = firm.post("/client/recording.detail.get", {"interactionIds": [interaction_id]})
    assert isinstance(answer, dict)
    return answer


def sent_without_end(firm: Firm, media: bytes) -> int:
    metadata = call()
    del metadata["endDatetimeUTC"]
    response = firm.send(metadata, media)
    assert response.status_code == 201, response.text
    interaction_id: int = response.json()["interactionId"]
    return interaction_id


def times(firm: Firm) -> tuple[str, str, float]:
    recording = found(firm)
    return recording["startDatetimeUTC"], recording["endDatetimeUTC"], recording["durationInSeconds"]


def test_an_end_that_was_not_sent_is_measured(firm: Firm) -> None:
    sent_without_end(firm, tone(2.5))
    assert times(firm) == ("2026-05-12T10:30:00.000Z", "2026-05-12T10:30:00.000Z", 0)
    firm.work()
    assert times(firm) == ("2026-05-12T10:30:00.000Z", "2026-05-12T10:30:02.500Z", 2.5)


def test_the_senders_times_take_precedence_over_the_medias(firm: Firm) -> None:
    firm.ingest(tone(2.5))
    firm.work()
    assert times(firm) == ("2026-05-12T10:30:00.000Z", "2026-05-12T10:31:00.000Z", 60)


def test_a_recording_is_kept_from_the_end_that_was_measured(firm: Firm) -> None:
    with firm.archive.write() as connection:
        connection.execute(update(account).values(default_retention={"default": 30}))
    measured = sent_without_end(firm, tone(2.5))
    sent = firm.ingest(tone(2.5), thirdPartyId="with an end")
    firm.work()

    def kept_until(interaction_id: int) -> str:
        until: str = detail(firm, interaction_id)["metadata"]["retention"]["retainUntil"]
        return until

    assert kept_until(measured) == "2026-06-11T10:30:02.500Z"
    assert kept_until(sent) == "2026-06-11T10:31:00.000Z"


def test_rules_that_change_before_the_end_is_measured_count_from_that_end(firm: Firm) -> None:
    with firm.archive.write() as connection:
        connection.execute(update(account).values(default_retention={"default": 30}))
    interaction_id = sent_without_end(firm, tone(2.5))
    longer = firm.call("PUT", "/admin/retentionGroup/accountDefault", {"default": 31})
    assert longer.status_code == 200
    firm.work()
    until = detail(firm, interaction_id)["metadata"]["retention"]["retainUntil"]
    assert until == "2026-06-12T10:30:02.500Z"


def test_what_is_kept_for_ever_is_still_kept_when_its_end_is_measured(firm: Firm) -> None:
    interaction_id = sent_without_end(firm, tone(2.5))
    firm.work()
    assert detail(firm, interaction_id)["metadata"]["retention"]["retainUntil"] is None


def test_media_gets_a_waveform_and_a_rendition(firm: Firm) -> None:
    interaction_id = firm.ingest(tone(2.0, channels=2))
    before = detail(firm, interaction_id)
    assert before["waveForm"] == {"sampleRate": 8, "peaks": None}
    assert set(before["metadata"]["sourceFileDetail"]) == {"raw"}
    firm.work()
    after = detail(firm, interaction_id)
    assert len(after["waveForm"]["peaks"]) == 16
    assert {"raw", "mp3"} <= set(after["metadata"]["sourceFileDetail"])


def test_the_waveform_of_each_channel_can_be_asked_for(firm: Firm) -> None:
    interaction_id = firm.ingest(CORPUS["three tracks, two silent"].make())

    def wave_form(**wanted: Any) -> Any:
        body = {"interactionIds": [interaction_id], **wanted}
        (found,) = firm.post("/client/recording.detail.get", body)
        return found["waveForm"]

    assert wave_form(includeChannels=True) == {"sampleRate": 8, "peaks": None, "channels": None}
    firm.work()
    shown = wave_form(includeChannels=True)
    channels = shown.pop("channels")
    assert shown == wave_form() == wave_form(includeChannels=False) == wave_form(includeChannels=None)
    assert [(one["channel"], one["track"]) for one in channels] == [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2)]
    assert [one["peaks"] for one in channels if one["channel"] != 2] == [[0.0] * len(shown["peaks"])] * 4
    assert channels[2]["peaks"] == shown["peaks"]
    assert min(shown["peaks"][1:-1]) > 0.4
    with firm.archive.write() as connection:
        connection.execute(update(waveforms).values(channels=None))
    assert wave_form(includeChannels=True) == {**shown, "channels": None}


@pytest.mark.parametrize(
    "name", ["wav of 24", "24 tracks", "two tracks and a picture in mp4", "caf, right before left"]
)
def test_all_channels_are_in_the_wav_of_the_size_that_was_announced(firm: Firm, name: str) -> None:
    file = CORPUS[name]
    interaction_id = firm.ingest(file.make())
    firm.work()
    told = detail(firm, interaction_id)["metadata"]["sourceFileDetail"]["wav"]["fileSize"]
    body = {"thirdPartyId": "call-1", "format": "wav"}
    answer = firm.call("POST", "/client/recording.playBackByThirdPartyId", body)
    assert answer.status_code == 200, answer.text
    assert len(answer.content) == told
    assert len(read_wav(answer.content).channels) == len(file.channels)


def test_undecodable_media_is_kept_and_marked(firm: Firm) -> None:
    media = b"This is no sound. " * 1000
    interaction_id = sent_without_end(firm, media)
    firm.work()
    assert times(firm)[2] == 0
    assert firm.send({**call(), "endDatetimeUTC": "2026-05-12T10:30:00Z"}, media).status_code == 409
    metadata = call()
    del metadata["endDatetimeUTC"]
    assert firm.send(metadata, media).json()["status"] == "undecodable"
    assert detail(firm, interaction_id)["waveForm"] == {"sampleRate": 8, "peaks": None}
    raw = firm.call(
        "POST", "/client/recording.playBackByThirdPartyId", {"thirdPartyId": "call-1", "format": "raw"}
    )
    assert raw.content == media
    mp3 = firm.call("POST", "/client/recording.playBackByThirdPartyId", {"thirdPartyId": "call-1"})
    assert mp3.status_code == 422
    assert mp3.json()["code"] == "format-unavailable"
    assert firm.jobs() == {"done": 1}


def test_characters_that_cannot_be_kept_are_replaced_and_marked(firm: Firm) -> None:
    interaction_id = firm.ingest(
        tone(0.1),
        transcript={"segments": [{"text": "Sell\0 now.", "start": 0, "end": 1}]},
        source="sbc\0",
    )
    metadata = detail(firm, interaction_id)["metadata"]
    assert set(metadata["replacedCharactersIn"]) == {"transcript.segments[0].text", "source"}
    assert found(firm)["source"] == "sbc\ufffd"
    (answer,) = firm.post("/client/recording.transcription.get", {"interactionIds": [interaction_id]})
    assert answer["analysis"]["transcript"]["segments"][0]["text"] == "Sell\ufffd now."
    with firm.archive.read() as connection:
        (job,) = queue.list_jobs(connection)
    log: Any = job["log"]
    assert {line["text"] for line in log} == {
        "characters replaced in transcript.segments[0].text",
        "characters replaced in source",
    }


def test_an_ingested_transcript_is_kept_with_its_times(firm: Firm) -> None:
    segments = [{"text": "Hello.", "start": 0.5, "end": 1.1, "channel": 1, "speaker": "Jane"}]
    interaction_id = firm.ingest(tone(1.0), transcript={"language": "en", "segments": segments})
    firm.work()
    wanted = {"interactionIds": [interaction_id], "includeChannels": True}
    (answer,) = firm.post("/client/recording.transcription.get", wanted)
    assert answer["analysis"] == {"transcript": {"language": "en", "segments": segments}}


def test_no_media_file_has_anything_in_clear(firm: Firm) -> None:
    media = tone(1.0)
    firm.ingest(media, transcript={"segments": [{"text": "Secret words.", "start": 0, "end": 1}]})
    firm.work()
    files = [path for path in (firm.settings.data / "accounts").glob("*/media/**/*") if path.is_file()]
    assert len(files) == 2
    for path in files:
        content = path.read_bytes()
        assert b"RIFF" not in content
        assert media[1000:1032] not in content
        assert b"Secret" not in content
        if len(content) >= len(media):
            assert len(content) <= len(media) * 1.02 + 4096


def test_a_decoder_that_writes_more_than_an_mp3_can_have_is_stopped() -> None:
    limits, written = DecoderLimits(seconds=60, memory_mib=1024), io.BytesIO()
    with pytest.raises(DecoderFailed, match="wrote more"):
        process(Memory(tone(60.0)), limits, BoundedSink(written, most_bytes=10_000))
    assert len(written.getvalue()) <= 10_000
    assert process(Memory(tone(1.0)), limits, BoundedSink(written, most_bytes=10_000)).complete


def test_the_mp3_of_two_days_may_be_written() -> None:
    two_days = {"samples": 48 * 3600 * 48_000, "video": None, "audio": {"channels": 8, "sample_rate": 48_000}}
    assert (expected_size("mp3", two_days) or 0) * 1.1 < LARGEST_MP3_BYTES
