"""An engine loads everything before it hears sound, so that it needs no files after that."""

import subprocess
import sys
from pathlib import Path

import pytest

from earwitness.speech.transcriber import SpeechLimits, transcribe
from tests.processes import needs_proc
from tests.speech.spoken import first_sentence, needs_tiny_en

# Prints what is imported, opened or mapped between loading the engine and the end of the transcription.
_WATCH = """
import sys
from earwitness.speech.loading import load

def mapped():
    with open("/proc/self/maps") as lines:
        return {line.split(None, 5)[5].strip() for line in lines if "/" in line}

speech = sys.stdin.buffer.read()
engine = load(*sys.argv[1:])
late, before, watching = [], mapped(), True

def watch(event, arguments):
    if watching and event in ("import", "open", "ctypes.dlopen", "os.listdir", "socket.connect"):
        late.append((event, arguments[0]))

sys.addaudithook(watch)
segments = engine.transcribe([speech]).segments
watching = False
print(len(segments), late, mapped() - before)
"""


@needs_proc
@pytest.mark.parametrize(
    ("engine", "model"),
    [pytest.param("faster-whisper", "tiny.en", marks=needs_tiny_en), ("pocketsphinx", "")],
)
def test_nothing_is_loaded_once_sound_is_heard(engine: str, model: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _WATCH, engine, model],
        input=first_sentence("rms"),
        capture_output=True,
        check=True,
    )
    assert ran.stdout == b"1 [] set()\n"


@needs_tiny_en
def test_an_engine_leaves_no_file_behind_and_sends_no_telemetry(tmp_path: Path) -> None:
    """By default onnxruntime, which detects voices, stores a device number and sends telemetry."""
    program = (
        "import os, sys\n"
        f"os.environ['HOME'] = {str(tmp_path)!r}\n"
        "sys.argv[:] = ['', *sys.argv[1:]]\n"
        "from earwitness.speech.child import main\n"
        "main()\n"
    )
    command = (sys.executable, "-c", program)
    limits = SpeechLimits(seconds=120, memory_mib=8192)
    speech = [first_sentence("rms")]
    assert transcribe("faster-whisper", "tiny.en", speech, limits, lambda: None, command=command).segments
    assert list(tmp_path.rglob("*")) == []
