"""The transcribing process: whatever happens to it, nothing else is affected and nothing is left over."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from earwitness.speech.engine import Segment
from earwitness.speech.transcriber import (
    SpeechLimits,
    TranscriptionFailed,
    TranscriptionUnusable,
    transcribe,
)
from tests.processes import LINUX, children, needs_proc
from tests.speech.spoken import SENTENCES, errors, first_sentence, words

LIMITS = SpeechLimits(seconds=120, memory_mib=4096)
MINUTE = [bytes(32_000)] * 60


def go_on() -> None:
    """A check that never ends the transcription."""


def running(program: str) -> tuple[str, ...]:
    """A transcribing process that runs a program; `end` is its end of the socket."""
    begin = "import os, signal, socket, sys, time\nend = socket.socket(fileno=0)\n"
    return (sys.executable, "-c", begin + program)


@pytest.fixture(autouse=True)
def _nothing_is_left_over() -> Iterator[None]:
    if not LINUX:
        yield
        return
    files, processes = len(list(Path("/proc/self/fd").iterdir())), children()
    yield
    # The decoder of the samples keeps a process ready for the next one.
    left = {pid for pid in children() - processes if b"speech" in Path(f"/proc/{pid}/cmdline").read_bytes()}
    assert left == set()
    assert len(list(Path("/proc/self/fd").iterdir())) <= files + 1


def test_speech_is_transcribed() -> None:
    transcript = transcribe("pocketsphinx", "", [first_sentence("rms")], LIMITS, go_on)
    said = words(SENTENCES["rms"][0])
    understood = words(" ".join(segment.text for segment in transcript.segments))
    assert transcript.language == "en"
    assert errors(said, understood) <= len(said) * 0.15


def test_the_problem_names_the_extra_that_is_not_installed() -> None:
    program = (
        "sys.modules['pocketsphinx'] = None\n"
        "sys.argv[:] = ['', *sys.argv[1:]]\n"
        "end.detach()\n"
        "from earwitness.speech.child import main\n"
        "main()\n"
    )
    with pytest.raises(
        TranscriptionUnusable, match=r"pocketsphinx is not installed: make .*install EXTRAS=sphinx"
    ):
        transcribe("pocketsphinx", "", MINUTE, LIMITS, go_on, command=running(program))


def test_less_confinement_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    command = running(
        "sys.argv[:] = ['', *sys.argv[1:]]\n"
        "end.detach()\n"
        "from earwitness.speech import child\n"
        "child.restrict = lambda *_: 0\n"
        "child.main()\n",
    )
    for _ in range(2):
        transcribe("pocketsphinx", "", [bytes(32_000)], LIMITS, go_on, command=command)
    [message] = [one for one in caplog.messages if "confinement" in one]
    assert "Landlock is missing" in message


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(TranscriptionUnusable, match="no engine ear-trumpet"):
        transcribe("ear-trumpet", "", MINUTE, LIMITS, go_on)


def test_the_process_hears_everything_and_its_answer_is_taken() -> None:
    program = (
        "heard = 0\n"
        "while piece := end.recv(100_000):\n"
        "    heard += len(piece)\n"
        'segments = b\'[{"text":"%d","start":1,"end":2.5}]\' % heard\n'
        'end.sendall(b\'{"transcript":{"language":"en","segments":%b}}\' % segments)\n'
    )
    transcript = transcribe("any", "", MINUTE, LIMITS, go_on, command=running(program))
    assert transcript.segments == [Segment(str(60 * 32_000), 1, 2.5)]


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
        ("end.recv(1000); os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("end.recv(1000)", "it stopped"),
        ("end.sendall(b'what?')", "not understood"),
        (
            'end.sendall(b\'{"transcript":{"language":null,"segments":[{"text":"","start":-1,"end":0}]}}\')',
            "not understood",
        ),
        ('end.sendall(b\'{"failed":"out of memory"}\')', "out of memory"),
    ],
)
def test_an_engine_that_ends_early_fails_with_the_reason(program: str, reason: str) -> None:
    with pytest.raises(TranscriptionFailed, match=reason) as raised:
        transcribe("any", "", MINUTE, LIMITS, go_on, command=running(program))
    assert not isinstance(raised.value, TranscriptionUnusable)


@pytest.mark.parametrize("program", ["time.sleep(600)", "while end.recv(100_000): pass\ntime.sleep(600)"])
def test_an_engine_that_takes_too_long_is_ended(program: str) -> None:
    limits = SpeechLimits(seconds=1, memory_mib=4096)
    with pytest.raises(TranscriptionFailed, match="too long"):
        transcribe("any", "", MINUTE, limits, go_on, command=running(program))


@pytest.mark.parametrize("program", ["time.sleep(600)", "while end.recv(100_000): pass\ntime.sleep(600)"])
def test_a_transcription_that_nobody_waits_for_is_ended(program: str) -> None:
    class Enough(Exception):
        pass

    checks = iter(range(70))

    def check() -> None:
        if next(checks, None) is None:
            raise Enough

    with pytest.raises(Enough):
        transcribe("any", "", MINUTE, LIMITS, check, command=running(program), check_seconds=0.01)


def test_sound_that_cannot_be_decoded_to_its_end_is_not_transcribed() -> None:
    def damaged() -> Iterator[bytes]:
        yield bytes(32_000)
        raise ValueError("a damaged part")

    with pytest.raises(ValueError, match="a damaged part"):
        transcribe("any", "", damaged(), LIMITS, go_on, command=running("time.sleep(600)"))


@needs_proc
def test_the_engine_gets_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARWITNESS_TOKEN_KEY", "t" * 40)
    command = running(
        "told = b'EARWITNESS' in open('/proc/self/environ', 'rb').read()\n"
        'end.sendall(b\'{"failed":"told %d"}\' % told)\n',
    )
    with pytest.raises(TranscriptionFailed, match="told 0"):
        transcribe("any", "", [], LIMITS, go_on, command=command)


def test_an_engine_may_not_take_all_memory_nor_write_files(tmp_path: Path) -> None:
    program = (
        "from earwitness.kernel.confinement.limits import limit\n"
        "limit(1024)\n"
        "try:\n"
        "    bytearray(2 << 30)\n"
        "except MemoryError:\n"
        "    print('no memory')\n"
        "try:\n"
        f"    with open({str(tmp_path / 'spoken')!r}, 'w') as file:\n"
        "        file.write('what was said')\n"
        "    print('written')\n"
        "except OSError:\n"
        "    print('no file')\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "no memory\nno file\n"


@needs_proc
def test_the_engine_ends_when_its_parent_ends() -> None:
    program = (
        "import sys\n"
        "from tests.speech.test_transcriber import *\n"
        "def look():\n"
        "    if children():\n"
        "        print(*children(), flush=True)\n"
        "        sys.stdin.read()\n"
        "transcribe('pocketsphinx', '', [first_sentence('rms')] * 400, LIMITS, look)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        watched = [os.pidfd_open(pid) for pid in pids]
        os.kill(parent.pid, signal.SIGKILL)
    assert watched
    for process in watched:
        assert select.select([process], [], [], 30)[0], "it lives on"
        os.close(process)
