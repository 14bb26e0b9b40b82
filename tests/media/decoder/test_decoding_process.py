"""The decoding process: whatever happens to it, nothing else is affected and nothing is left over."""

import io
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from earwitness.kernel.errors import Corrupt, StorageFull
from earwitness.kernel.system.processes import start_apart
from earwitness.media.decoder.decoder import DecoderFailed, DecoderSlow, process, rehearse, render
from earwitness.media.decoding.containers.wav_header import wav_header
from earwitness.media.flow import Bytes
from earwitness.media.measurement import DecoderLimits
from tests.media import samples
from tests.media.corpus import CORPUS
from tests.media.hearing import Memory
from tests.processes import LINUX, children, needs_proc

LIMITS = DecoderLimits(seconds=60, memory_mib=1024)


class EndlessCall:
    """A silent call of 8 hours. It is made while it is read."""

    samples = 8000 * 8 * 3600
    header = wav_header(samples, 8000, 2)
    size = len(header) + samples * 4

    def read(self, start: int, stop: int, /) -> bytes:
        return (self.header[start:stop] + bytes(stop - start))[: stop - start]


def fork_servers() -> set[int]:
    return {
        pid for pid in children() if b"earwitness.media.decoding" in Path(f"/proc/{pid}/cmdline").read_bytes()
    }


def decoders() -> set[int]:
    return {pid for server in fork_servers() for pid in children(server)}


def kill(pids: set[int]) -> None:
    """Kill processes, and wait until they are dead."""
    watched = [os.pidfd_open(pid) for pid in pids]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    for one in watched:
        assert select.select([one], [], [], 30)[0], "it lives on"
        os.close(one)


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


@pytest.fixture(autouse=True)
def _nothing_is_left_over() -> Iterator[None]:
    rehearse(LIMITS)
    files, processes = open_files(), len(children()) if LINUX else 0
    yield
    rehearse(LIMITS)
    assert open_files() <= files
    assert (len(children()) if LINUX else 0) <= processes
    assert not LINUX or not decoders()


def test_closing_a_rendition_ends_its_process() -> None:
    with render(EndlessCall(), "wav", LIMITS, EndlessCall.samples) as rendition:
        next(rendition)
    unread = render(EndlessCall(), "mp3", LIMITS, EndlessCall.samples)
    unread.close()
    assert list(unread) == []


@needs_proc
def test_killing_a_decoder_fails_only_its_job() -> None:
    with render(EndlessCall(), "wav", LIMITS, EndlessCall.samples) as rendition:
        next(rendition)
        kill(decoders())
        with pytest.raises(DecoderFailed, match="SIGKILL"):
            list(rendition)
    assert process(Memory(samples.wav()), LIMITS).duration_ms == 2000


def test_a_decoder_that_takes_too_long_is_ended() -> None:
    with pytest.raises(DecoderFailed, match="too long") as told:
        process(EndlessCall(), DecoderLimits(seconds=1, memory_mib=1024), io.BytesIO())
    assert "Retry-After" in told.value.headers


def test_a_rendition_that_begins_too_late_fails_although_it_may_take_long() -> None:
    with pytest.raises(DecoderSlow, match="whole") as told:
        render(EndlessCall(), "mp3", LIMITS, first_byte_seconds=0.1)
    assert "Retry-After" in told.value.headers
    begun = render(EndlessCall(), "wav", LIMITS, EndlessCall.samples, first_byte_seconds=30)
    with begun as rendition:
        next(rendition)


def test_a_decoder_that_takes_too_much_memory_is_ended() -> None:
    with pytest.raises(DecoderFailed):
        process(Memory(CORPUS["24 tracks"].make()), DecoderLimits(seconds=60, memory_mib=1))


@needs_proc
def test_the_decoder_ends_when_its_parent_ends() -> None:
    program = (
        "from tests.media.decoder.test_decoding_process import *\n"
        "rendition = render(EndlessCall(), 'wav', LIMITS, EndlessCall.samples)\n"
        "print(*fork_servers(), *decoders(), flush=True)\n"
        "import sys; sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]
    ) as parent:
        assert parent.stdout is not None
        watched = [os.pidfd_open(int(pid)) for pid in parent.stdout.readline().split()]
        parent.kill()
    assert len(watched) == 2
    for decoder in watched:
        assert select.select([decoder], [], [], 30)[0], "it lives on"
        os.close(decoder)


def test_damage_found_while_decoding_is_reported_as_such() -> None:
    class Damaged(EndlessCall):
        def read(self, start: int, stop: int, /) -> bytes:
            if start > 1_000_000:
                raise Corrupt("Segment 20 of the stored media does not verify.")
            return super().read(start, stop)

    with pytest.raises(Corrupt):
        process(Damaged(), LIMITS)


def test_a_full_disk_is_reported_as_such() -> None:
    class Full:
        def write(self, data: Bytes, /) -> None:
            raise StorageFull("The disk is full.")

    with pytest.raises(StorageFull):
        process(Memory(samples.wav()), LIMITS, Full())


def test_the_decoder_gets_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARWITNESS_TOKEN_KEY", "t" * 40)
    tells = "import os, socket; socket.socket(fileno=0).sendall(repr(dict(os.environ)).encode())"
    started, end = start_apart((sys.executable, "-c", tells), {})
    with started, end:
        told = end.recv(100_000)
    assert b"'PATH'" in told
    assert b"EARWITNESS" not in told


def test_a_confined_decoder_opens_no_file_and_no_connection() -> None:
    program = (
        "import os, resource, socket\n"
        "from earwitness.media.decoding.confined import confine\n"
        "from earwitness.media.measurement import DecoderLimits\n"
        "confine(DecoderLimits(60, 1024), 0)\n"
        "for attempt in (lambda: open('/etc/hostname'), lambda: open('new', 'w'), socket.socket, os.pipe):\n"
        "    try:\n"
        "        attempt()\n"
        "        print('opened', attempt)\n"
        "    except OSError:\n"
        "        pass\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE))\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "(0, 0)\n"
