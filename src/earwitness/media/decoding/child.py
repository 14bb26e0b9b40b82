"""A decoding process: a child of the fork server, which does one job and ends.

Before it reads any byte of the recording, it gives up what it does not need: files, other processes, memory
and time beyond its limits, and nearly all system calls.
"""

import socket
from functools import partial

import msgspec

from earwitness.kernel.confinement.layers import Layers
from earwitness.kernel.system.fork_server import Work
from earwitness.media.decoding.confined import confine, keep_apart, keep_out
from earwitness.media.decoding.containers.not_media import NotMedia
from earwitness.media.decoding.jobs import measure, render
from earwitness.media.decoding.rehearsal import rehearse
from earwitness.media.decoding.remote import Output, RemoteFile
from earwitness.media.decoding.renditions.original import NoSound
from earwitness.media.decoding.wire import FAILURE, RESULT, Channel, Closed, DecodingJob, Failure

_read_job = msgspec.json.Decoder(DecodingJob).decode


def prepare() -> Work:
    """Load and rehearse, in the fork server. Returns what each of its children does."""
    landlock = keep_out()
    rehearse()
    return partial(_work, landlock)


def _work(landlock: int, end: socket.socket) -> None:
    channel = Channel(end)
    try:
        _, payload = channel.receive()
        job = _read_job(payload)
        layers = confine(job.limits, keep_apart(landlock))
        channel.send(*_do(job, channel, layers))
    except Closed:
        # The process that asked for this one is gone, so nobody waits for an answer.
        pass


def _do(job: DecodingJob, channel: Channel, layers: Layers) -> tuple[bytes, bytes]:
    file, output = RemoteFile(channel, job.size), Output(channel)
    try:
        result = b"null"
        if job.rehearse:
            rehearse()
            result = msgspec.json.encode(layers)
        elif job.measure:
            result = msgspec.json.encode(measure(file, output if job.format else None, job.hint))
        elif job.format is not None:
            render(
                file,
                job.format,
                job.samples,
                output,
                job.hint,
                opposite=job.opposite,
                channel=job.channel,
            )
        output.flush()
    except NotMedia:
        return FAILURE, msgspec.json.encode(Failure("undecodable"))
    except NoSound:
        return FAILURE, msgspec.json.encode(Failure("no-sound"))
    except Closed:
        raise
    except MemoryError:
        return FAILURE, msgspec.json.encode(Failure("failed", "out of memory"))
    except Exception as error:
        return FAILURE, msgspec.json.encode(Failure("failed", type(error).__name__))
    return RESULT, result
