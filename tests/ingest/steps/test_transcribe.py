"""Recordings without a transcript are transcribed if the account has an engine; others keep theirs."""

import math
from array import array
from collections.abc import Callable, Iterable
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from earwitness.archive.jobs import queue
from earwitness.archive.schema.recordings import recordings, transcripts
from earwitness.http.monitoring.archive_metrics import ArchiveCollector
from earwitness.ingest.steps import transcribe
from earwitness.ingest.steps.reprocess import queue_again
from earwitness.kernel.errors import Conflict, NotFound
from earwitness.speech.engine import ChannelTranscript, Segment
from earwitness.speech.transcriber import TranscriptionFailed, TranscriptionUnusable
from tests.firm import Firm, tone, transcript
from tests.media.corpus import CORPUS, pitch_of
from tests.media.samples import wav_of
from tests.media.wavs import write_wav
from tests.speech.spoken import SENTENCES, errors, first_sentence, words

Listen = Callable[[bytes], ChannelTranscript]


def choose(firm: Firm, engine: str) -> None:
    response = firm.call("PUT", "/admin/account", {"transcription": engine})
    assert response.is_success, response.text


def let_it_hear(monkeypatch: pytest.MonkeyPatch, listen: Listen) -> None:
    """Use a function of the test as the engine. It gets one channel at a time."""

    def hear(_engine: str, _model: str, pcm: Iterable[bytes], *_: Any) -> ChannelTranscript:
        return listen(b"".join(pcm))

    monkeypatch.setattr(transcribe, "listen", hear)


def always(*sentences: str, language: str = "en") -> Listen:
    said = [Segment(text, 2.0 * place, 2.0 * place + 1) for place, text in enumerate(sentences)]
    return lambda _pcm: ChannelTranscript(language, said)


def analysis(firm: Firm, interaction_id: int, **wanted: Any) -> Any:
    body = {"interactionIds": [interaction_id], **wanted}
    (answer,) = firm.post("/client/recording.transcription.get", body)
    return answer["analysis"]


def texts(firm: Firm, interaction_id: int) -> list[str]:
    return [segment["text"] for segment in analysis(firm, interaction_id)["transcript"]["segments"]]


def listed(firm: Firm) -> list[dict[str, Any]]:
    with firm.archive.read() as connection:
        return queue.list_jobs(connection, done=True)


def again(firm: Firm, *step: Any) -> int:
    with firm.archive.write() as connection:
        queued = queue_again(connection, *step)
    firm.work()
    return len(queued)


def test_by_default_nothing_is_transcribed(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    let_it_hear(monkeypatch, always("Hello."))
    interaction_id = firm.ingest(tone(0.5))
    firm.work()
    assert analysis(firm, interaction_id) is None
    assert [job["kind"] for job in listed(firm)] == ["process"]


def test_a_call_is_transcribed_found_by_its_words_and_shown_with_them(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(firm, "pocketsphinx")
    let_it_hear(monkeypatch, always("please sell five hundred shares", "at the best price"))
    interaction_id = firm.ingest(tone(0.5))
    assert firm.search(freeText='"hundred shares"') == []
    firm.work()
    assert analysis(firm, interaction_id) == {
        "transcript": {
            "language": "en",
            "segments": [
                {"text": "please sell five hundred shares", "start": 0.0, "end": 1.0},
                {"text": "at the best price", "start": 2.0, "end": 3.0},
            ],
        }
    }
    assert firm.search(freeText='"hundred shares"') == ["call-1"]
    (found,) = firm.post("/client/recording.search", {})["recordings"]
    assert found["transcriptSnippet"] == "please sell five hundred shares at the best price"
    with firm.archive.read() as connection:
        assert connection.scalar(select(transcripts.c.engine)) == "pocketsphinx"


@pytest.mark.usefixtures("heard_once")
def test_english_speech_is_transcribed_and_found(firm: Firm) -> None:
    choose(firm, "pocketsphinx")
    interaction_id = firm.ingest(wav_of(first_sentence("rms"), 16000, 1))
    firm.work()
    said = words(SENTENCES["rms"][0])
    assert errors(said, words(" ".join(texts(firm, interaction_id)))) <= 0.15 * len(said)
    assert firm.search(freeText='"ten minutes"') == ["call-1"]


def test_how_long_transcribing_takes_is_counted(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    choose(firm, "pocketsphinx")
    let_it_hear(monkeypatch, always("Hello."))
    for number in range(2):
        firm.ingest(_apart(1), thirdPartyId=f"call-{number}")
    firm.work()
    counted = {
        family.name.removeprefix("earwitness_"): family.samples[0].value
        for family in ArchiveCollector(firm.app.state.installation.accounts).collect()
    }
    assert counted["transcribed_seconds"] == 2
    assert 0 < counted["transcribing_seconds"] == 2 * counted["transcription_real_time_factor"]


def test_the_transcript_of_the_source_is_kept(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    choose(firm, "pocketsphinx")
    let_it_hear(monkeypatch, always("what the engine heard"))
    interaction_id = firm.ingest(tone(0.5), transcript=transcript("What was said."))
    firm.work()
    assert texts(firm, interaction_id) == ["What was said."]
    assert [job["kind"] for job in listed(firm)] == ["process"]
    assert again(firm, "transcribe") == 0
    assert again(firm) == 1
    assert texts(firm, interaction_id) == ["What was said."]


def test_a_transcript_that_arrives_while_the_engine_works_is_kept(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    def listen(_pcm: bytes) -> ChannelTranscript:
        sent = transcript("What was said.")
        assert firm.call("PUT", "/ingest/recording/call-1/transcript", sent).status_code == 201
        return ChannelTranscript("en", [Segment("what the engine heard", 0, 1)])

    choose(firm, "pocketsphinx")
    let_it_hear(monkeypatch, listen)
    interaction_id = firm.ingest(tone(0.5))
    firm.work()
    assert texts(firm, interaction_id) == ["What was said."]
    assert firm.search(freeText="engine") == []
    assert firm.search(freeText="said") == ["call-1"]


def test_the_two_sides_of_a_call_are_transcribed_separately_and_merged_by_time(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine of this test writes whether each second has sound."""
    loud, quiet = b"\x00\x40" * 8000, bytes(16000)
    left, right = loud + quiet + loud, quiet + loud + quiet
    sides = zip(*(_samples(side) for side in (left, right)), strict=True)

    def listen(pcm: bytes) -> ChannelTranscript:
        middles = [pcm[start + 8000 : start + 24_000] for start in range(0, len(pcm), 32_000)]
        loudness = [max(map(abs, memoryview(one).cast("h"))) for one in middles]
        return ChannelTranscript(
            "en", [Segment(f"at {n}", n, n + 0.9) for n, level in enumerate(loudness) if level > 8000]
        )

    choose(firm, "pocketsphinx")
    let_it_hear(monkeypatch, listen)
    interaction_id = firm.ingest(wav_of(b"".join(one + other for one, other in sides), 8000, 2))
    firm.work()
    segments = analysis(firm, interaction_id, includeChannels=True)["transcript"]["segments"]
    assert [(one["text"], one["channel"], one["speaker"]) for one in segments] == [
        ("at 0", 0, None),
        ("at 1", 1, None),
        ("at 2", 0, None),
    ]
    assert all(set(one) == {"text", "start", "end"} for one in _segments(firm, interaction_id))


def _samples(pcm: bytes) -> list[bytes]:
    return [pcm[start : start + 2] for start in range(0, len(pcm), 2)]


def _segments(firm: Firm, interaction_id: int) -> Any:
    return analysis(firm, interaction_id)["transcript"]["segments"]


@pytest.mark.usefixtures("heard_once")
def test_sides_that_are_alike_are_transcribed_once(firm: Firm) -> None:
    choose(firm, "pocketsphinx")
    twice = b"".join(one * 2 for one in _samples(first_sentence("awb")))
    interaction_id = firm.ingest(wav_of(twice, 16000, 2))
    firm.work()
    segments = analysis(firm, interaction_id, includeChannels=True)["transcript"]["segments"]
    assert {one["channel"] for one in segments} == {0}
    assert all(one["end"] <= other["start"] for one, other in pairwise(segments))
    said = words(SENTENCES["awb"][0])
    assert errors(said, words(" ".join(one["text"] for one in segments))) <= 0.15 * len(said)


@pytest.mark.usefixtures("heard_once")
def test_sides_that_are_nearly_alike_are_transcribed_once(firm: Firm) -> None:
    """The sides correlate at 0.9996, as in stereo that was made from an old tape."""
    speech = Path(__file__).parents[4] / "shared" / "data" / "jfk.flac"
    if not speech.exists():
        pytest.skip(f"{speech} is not there")
    choose(firm, "pocketsphinx")
    interaction_id = firm.ingest(speech.read_bytes())
    firm.work()
    segments = analysis(firm, interaction_id, includeChannels=True)["transcript"]["segments"]
    assert {one["channel"] for one in segments} == {0}
    assert "country" in " ".join(one["text"] for one in segments)


def test_a_word_on_one_side_only_is_transcribed_although_all_else_is_on_both(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(firm, "pocketsphinx")
    let_it_hear(monkeypatch, always("Hello."))
    music = [int(9000 * math.sin(place / 3)) for place in range(8000 * 60)]
    word = [int(9000 * math.sin(place / 5)) if 30 <= place / 8000 < 30.5 else 0 for place in range(8000 * 60)]
    sides = array("h", chain.from_iterable(zip(music, map(sum, zip(music, word, strict=True)), strict=True)))
    interaction_id = firm.ingest(wav_of(sides.tobytes(), 8000, 2))
    firm.work()
    assert _channels_heard(firm, interaction_id) == [0, 1]


@pytest.mark.parametrize(
    ("name", "heard"),
    [
        ("wav of 3", [0, 1, 2]),
        ("wav of 9", [*range(9)]),
        ("two tracks, two and one", [0, 1, 2]),
        ("three tracks, two silent", [2]),
    ],
)
def test_every_channel_of_every_track_is_transcribed_by_itself(
    firm: Firm, monkeypatch: pytest.MonkeyPatch, name: str, heard: list[int]
) -> None:
    """The engine of this test writes the pitch of the sound."""

    def listen(pcm: bytes) -> ChannelTranscript:
        samples = memoryview(pcm[:32_000]).cast("h")
        rises = sum(one < 0 <= other for one, other in pairwise(samples))
        return ChannelTranscript("en", [Segment(f"{round(rises / len(samples) * 16_000, -1):.0f}", 0, 1)])

    choose(firm, "pocketsphinx")
    let_it_hear(monkeypatch, listen)
    interaction_id = firm.ingest(CORPUS[name].make())
    firm.work()
    assert _channels_heard(firm, interaction_id) == heard
    assert texts(firm, interaction_id) == [str(pitch_of(channel)) for channel in heard]


def test_a_silent_recording_gets_an_empty_transcript_without_an_engine(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    def listen(_pcm: bytes) -> ChannelTranscript:
        raise AssertionError("there is nothing to hear")

    choose(firm, "pocketsphinx")
    let_it_hear(monkeypatch, listen)
    interaction_id = firm.ingest(wav_of(bytes(8000 * 4), 8000, 2))
    firm.work()
    assert analysis(firm, interaction_id) == {"transcript": {"language": None, "segments": []}}


def test_recordings_measured_by_an_older_version_are_transcribed_by_channel_too(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_it_hear(monkeypatch, always("Hello."))
    interaction_id = firm.ingest(_apart(3))
    firm.work()
    old = {"audio": {"channels": 3, "sample_rate": 8000, "codec": "pcm_s16le"}, "duration_ms": 1000}
    with firm.archive.write() as connection:
        connection.execute(update(recordings).values(measurement=old | {"samples": 8000, "complete": True}))
    choose(firm, "pocketsphinx")
    assert again(firm, "transcribe") == 1
    assert _channels_heard(firm, interaction_id) == [0, 1, 2]


def _apart(channels: int) -> bytes:
    """One second in which each channel has another pitch."""
    return write_wav(
        [
            array("h", (int(9000 * math.sin(place / (3 + channel))) for place in range(8000)))
            for channel in range(channels)
        ],
        8000,
    )


def _channels_heard(firm: Firm, interaction_id: int) -> list[int]:
    segments = analysis(firm, interaction_id, includeChannels=True)["transcript"]["segments"]
    return [one["channel"] for one in segments]


def test_a_recording_of_one_channel_names_none(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    choose(firm, "faster-whisper")
    let_it_hear(monkeypatch, always("Guten Tag.", language="de"))
    interaction_id = firm.ingest(tone(0.5))
    firm.work()
    found = analysis(firm, interaction_id, includeChannels=True)["transcript"]
    assert found["language"] == "de"
    assert found["segments"] == [
        {"text": "Guten Tag.", "start": 0.0, "end": 1.0, "channel": None, "speaker": None}
    ]


def test_the_transcript_is_empty_if_nothing_was_said(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    choose(firm, "pocketsphinx")
    let_it_hear(monkeypatch, lambda _pcm: ChannelTranscript(None, []))
    interaction_id = firm.ingest(tone(0.5))
    firm.work()
    assert analysis(firm, interaction_id) == {"transcript": {"language": None, "segments": []}}


def test_undecodable_media_is_not_transcribed(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    choose(firm, "pocketsphinx")
    let_it_hear(monkeypatch, always("Hello."))
    interaction_id = firm.ingest(b"no sound at all")
    firm.work()
    assert analysis(firm, interaction_id) is None
    assert [job["state"] for job in listed(firm)] == ["done"]


def test_the_log_asks_for_an_engine_that_is_not_installed_and_all_else_works(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    def listen(_pcm: bytes) -> ChannelTranscript:
        raise TranscriptionUnusable("faster-whisper is not installed: make install EXTRAS=whisper.")

    choose(firm, "faster-whisper")
    let_it_hear(monkeypatch, listen)
    interaction_id = firm.ingest(tone(0.5))
    firm.work()
    processed, transcribed = listed(firm)
    assert (processed["kind"], processed["state"]) == ("process", "done")
    assert (transcribed["kind"], transcribed["state"], transcribed["attempts"]) == ("transcribe", "dead", 1)
    assert "make install EXTRAS=whisper" in transcribed["log"][-1]["text"]
    assert analysis(firm, interaction_id) is None
    let_it_hear(monkeypatch, always("Hello."))
    with firm.archive.write() as connection:
        assert len(queue.retry(connection)) == 1
    firm.work()
    assert texts(firm, interaction_id) == ["Hello."]


def test_an_engine_that_fails_is_tried_again_later(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    def listen(_pcm: bytes) -> ChannelTranscript:
        raise TranscriptionFailed("Transcription ended early: it was ended by SIGSEGV.")

    choose(firm, "pocketsphinx")
    let_it_hear(monkeypatch, listen)
    firm.ingest(tone(0.5))
    firm.work()
    job = listed(firm)[-1]
    assert (job["state"], job["attempts"]) == ("queued", 1)
    assert job["log"][-1]["text"].endswith("it was ended by SIGSEGV.")


def test_a_better_engine_replaces_the_transcript_of_another(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(firm, "pocketsphinx")
    let_it_hear(monkeypatch, always("eye scream"))
    interaction_id = firm.ingest(tone(0.5))
    firm.work()
    choose(firm, "faster-whisper")
    let_it_hear(monkeypatch, always("ice cream"))
    assert again(firm, "transcribe", interaction_id) == 1
    assert texts(firm, interaction_id) == ["ice cream"]
    assert firm.search(freeText="cream") == ["call-1"]
    assert firm.search(freeText="scream") == []
    with firm.archive.read() as connection:
        assert connection.scalar(select(transcripts.c.engine)) == "faster-whisper"


def test_without_an_engine_nothing_can_be_transcribed_again(firm: Firm) -> None:
    interaction_id = firm.ingest(tone(0.5))
    with firm.archive.write() as connection:
        with pytest.raises(Conflict, match="--transcription"):
            queue_again(connection, "transcribe")
        with pytest.raises(NotFound, match=str(interaction_id + 1)):
            queue_again(connection, None, interaction_id + 1)
