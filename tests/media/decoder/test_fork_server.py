"""The fork server: it may die, hang or fail, and so may its children, and the next job is done."""

import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from earwitness.media.decoder.decoder import DecoderFailed, process, rehearse, render
from earwitness.media.decoder.fork_server import DECODERS, ForkedChild, ForkServers
from tests.media import samples
from tests.media.decoder.test_decoding_process import LIMITS, EndlessCall, decoders, fork_servers, kill
from tests.media.hearing import Memory
from tests.processes import LINUX, children, needs_proc

PREPARED = (
    "import os, resource, signal, socket, sys\n"
    "from earwitness.kernel.system.fork_server import serve_forks\n"
    "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n"
    "server = os.getpid()\n"
    "def work(end):\n"
    "    {}\n"
    "serve_forks(socket.socket(fileno=0), work)\n"
)


def doing(work: str) -> tuple[str, ...]:
    """The command of a fork server whose children do this."""
    return (sys.executable, "-c", PREPARED.format(work.replace("\n", "\n    ")))


@pytest.fixture
def start() -> Iterator[Callable[..., ForkServers]]:
    """Make fork servers, which are ended after the test."""
    made: list[ForkServers] = []

    def make(*command: str, **given: float) -> ForkServers:
        made.append(ForkServers(command, **given))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for servers in made:
        servers.end()


Start = Callable[..., ForkServers]


def answer(child: ForkedChild) -> bytes:
    """What a child sends until it closes its socket."""
    child.end.settimeout(30)
    return b"".join(iter(lambda: child.end.recv(1000), b""))


def told(servers: ForkServers) -> str:
    child = servers.fork()
    try:
        return answer(child).decode()
    finally:
        child.kill()


@needs_proc
def test_when_the_fork_server_dies_what_runs_is_told_and_the_next_job_is_done() -> None:
    with render(EndlessCall(), "wav", LIMITS, EndlessCall.samples) as rendition:
        next(rendition)
        watched = [os.pidfd_open(pid) for pid in decoders()]
        kill(fork_servers())
        with pytest.raises(DecoderFailed, match=r"fork server.* ended by SIGKILL"):
            list(rendition)
    assert len(watched) == 1
    assert select.select(watched, [], [], 30)[0], "the decoder lives on"
    os.close(*watched)
    assert process(Memory(samples.wav()), LIMITS).duration_ms == 2000


def test_eight_jobs_at_once_are_done_by_one_fork_server() -> None:
    rehearse(LIMITS)
    before = fork_servers() if LINUX else set()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: process(Memory(samples.wav()), LIMITS), range(16)))
    assert [one.duration_ms for one in found] == [2000] * 16
    assert (fork_servers() if LINUX else set()) == before


@needs_proc
def test_a_process_that_is_forked_has_decoders_of_its_own() -> None:
    """It keeps no socket of the other's, whose decoder would live on with it."""
    program = (
        "import os, sys\n"
        "from tests.media.decoder.test_fork_server import *\n"
        "rendition = render(EndlessCall(), 'wav', LIMITS, EndlessCall.samples)\n"
        "next(rendition)\n"
        "running = decoders()\n"
        "if os.fork() == 0:\n"
        "    assert process(Memory(samples.wav()), LIMITS).duration_ms == 2000\n"
        "    assert not running & decoders()\n"
        "    print(*running, flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdin is not None
        [pid] = parent.stdout.readline().split()
        watched = os.pidfd_open(int(pid))
        parent.kill()
        assert select.select([watched], [], [], 30)[0], "it lives on"
        os.close(watched)
        parent.stdin.close()  # the forked process ends now


def test_a_library_that_cannot_be_loaded_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lameenc.py").write_text("raise ImportError('of another version of Python')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    DECODERS.end()
    with pytest.raises(DecoderFailed, match="ended early: ImportError: of another version of Python"):
        rehearse(LIMITS)
    monkeypatch.undo()
    rehearse(LIMITS)


def test_a_child_has_nothing_open_but_its_socket(start: Start) -> None:
    servers = start(
        *doing(
            "found = []\n"
            "for one in range(1000):\n"
            "    try:\n"
            "        os.fstat(one)\n"
            "        found.append(one)\n"
            "    except OSError:\n"
            "        pass\n"
            "end.sendall(repr(found).encode())"
        )
    )
    waiting = servers.fork()
    assert told(servers) == "[0, 1, 2]"
    waiting.kill()


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("os._exit(3)", "it stopped"),
        ("sys.exit(3)", "it stopped"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "it was ended by SIGSEGV"),
        ("os.kill(os.getpid(), signal.SIGXCPU)", "it took too long"),
    ],
)
def test_why_a_child_ended_is_told(start: Start, end: str, words: str) -> None:
    child = start(*doing(end)).fork()
    assert answer(child) == b""
    assert child.why_it_ended() == words
    child.kill()


def test_a_child_that_hangs_is_killed(start: Start) -> None:
    child = start(*doing("end.sendall(b'%d' % os.getpid())\nsignal.pause()")).fork()
    child.end.settimeout(30)
    pid = int(child.end.recv(100))
    child.kill()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_after_a_crash_another_fork_server_forks(start: Start) -> None:
    """Its children had the same addresses as the one that crashed."""
    servers = start(
        *doing("end.sendall(b'%d' % server)\nif end.recv(1):\n    os.kill(os.getpid(), signal.SIGSEGV)")
    )
    crashing, lasting = servers.fork(), servers.fork()
    first = int(crashing.end.recv(100))
    assert int(lasting.end.recv(100)) == first
    crashing.end.sendall(b"x")
    assert answer(crashing) == b""
    crashing.kill()
    after = servers.fork()
    assert int(after.end.recv(100)) != first
    # The child that runs is not disturbed, and the fork server ends after it.
    os.kill(first, 0)
    lasting.kill()
    after.kill()
    servers.end()
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


def test_after_some_children_another_fork_server_forks(start: Start) -> None:
    servers = start(*doing("end.sendall(b'%d' % server)"), most_children=2)
    forkers = [told(servers) for _ in range(5)]
    assert [forkers.index(one) for one in forkers] == [0, 0, 2, 2, 4]


def test_a_fork_server_that_cannot_fork_says_so(start: Start) -> None:
    fails = "import errno, os\ndef no(): raise OSError(errno.EAGAIN, 'no more')\nos.fork = no\n"
    child = start(sys.executable, "-c", fails + PREPARED.format("pass")).fork()
    assert answer(child) == b""
    assert child.why_it_ended() == "no process could be forked"
    child.kill()


@needs_proc
def test_a_fork_server_that_hangs_is_ended(start: Start) -> None:
    others = children()
    servers = start(sys.executable, "-c", "import signal; signal.pause()", answer_seconds=0.1)
    child = servers.fork()
    assert len(children() - others) == 1
    child.kill()
    assert children() - others == set()
