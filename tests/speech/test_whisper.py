"""Whisper: it loads a model from its folder, and transcribes speech in its language.

The model is a tiny one that the test makes: how well Whisper understands speech is not tested here.
"""

import pytest

pytest.importorskip("faster_whisper", reason="faster-whisper is not installed: make install EXTRAS=whisper")

from pathlib import Path

from earwitness.speech.engine import EngineUnusable
from earwitness.speech.loading import load
from earwitness.speech.transcriber import SpeechLimits, TranscriptionUnusable, transcribe
from earwitness.speech.whisper import Whisper, parts
from tests.speech.spoken import BYTES_A_SECOND, heard, sample
from tests.speech.tiny_whisper import make_model

LIMITS = SpeechLimits(seconds=120, memory_mib=8192)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    make_model(folder, ("guten", "Tag"), "de")
    return folder


def test_speech_is_transcribed_in_the_language_that_was_heard(model: Path) -> None:
    spoken = heard(sample("slt"))[: 4 * BYTES_A_SECOND]
    transcript = transcribe("faster-whisper", str(model), [spoken], LIMITS, lambda: None)
    assert transcript.language == "de"
    (said,) = transcript.segments
    assert said.text == " guten Tag"
    assert said.end == pytest.approx(said.start + 2)
    assert said.start < 1


@pytest.mark.parametrize("pcm", [[], [bytes(BYTES_A_SECOND * 3)]], ids=["nothing", "silence"])
def test_no_words_are_found_where_nobody_speaks(model: Path, pcm: list[bytes]) -> None:
    transcript = load("faster-whisper", str(model)).transcribe(pcm)
    assert (transcript.language, transcript.segments) == (None, [])


def test_a_long_recording_is_heard_in_parts_that_end_where_it_is_quiet(model: Path) -> None:
    engine = Whisper(str(model), part_seconds=8, quiet_within_seconds=6)
    sentence = heard(sample("slt"))[: 4 * BYTES_A_SECOND]
    pause = bytes(BYTES_A_SECOND)
    transcript = engine.transcribe([sentence + pause, sentence + pause, sentence])
    assert [segment.text for segment in transcript.segments] == [" guten Tag"] * 3
    starts = [segment.start for segment in transcript.segments]
    assert starts == pytest.approx([starts[0], 5 + starts[0], 10 + starts[0]], abs=0.5)


def test_parts_lose_and_repeat_nothing() -> None:
    spoken = heard(sample("slt"))
    pieces = (spoken[start : start + 4096] for start in range(0, len(spoken), 4096))
    found = list(parts(pieces, part_seconds=4, quiet_within_seconds=2))
    assert b"".join(part.tobytes() for part in found) == spoken
    assert all(2 * BYTES_A_SECOND <= 2 * len(part) <= 4 * BYTES_A_SECOND for part in found[:-1])
    assert len(found) >= 4


@pytest.mark.parametrize("missing", ["model.bin", "tokenizer.json"])
def test_the_problem_names_the_files_that_a_model_folder_needs(
    model: Path, tmp_path: Path, missing: str
) -> None:
    for file in model.iterdir():
        if file.name != missing:
            (tmp_path / file.name).symlink_to(file)
    with pytest.raises(TranscriptionUnusable, match=f"EARWITNESS_WHISPER_MODEL .*{missing}"):
        transcribe("faster-whisper", str(tmp_path), [], LIMITS, lambda: None)


def test_damaged_files_of_a_model_cannot_be_used(model: Path, tmp_path: Path) -> None:
    for file in model.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes()[:1000])
    with pytest.raises(EngineUnusable, match="cannot be loaded"):
        load("faster-whisper", str(tmp_path))


def test_no_model_is_ever_downloaded() -> None:
    with pytest.raises(TranscriptionUnusable, match="EARWITNESS_WHISPER_MODEL"):
        transcribe("faster-whisper", "", [], LIMITS, lambda: None)
