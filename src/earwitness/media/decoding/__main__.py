"""The decoding process: `python -m earwitness.media.decoding`, with a socket for its standard input.

It is started ahead, does one job and ends. Before it touches a byte of the recording it gives up what
it does not need: more memory and time than its limits, core dumps, and every new file or connection.
"""

import os
import resource
import socket

import msgspec

from earwitness.kernel.confinement import confine
from earwitness.media.decoding.jobs import NoSound, measure, rehearse, render
from earwitness.media.decoding.media import NotMedia
from earwitness.media.decoding.remote import Output, RemoteFile
from earwitness.media.decoding.wire import FAILURE, RESULT, Channel, Closed, Failure, Job
from earwitness.media.measurement import Limits

# Pictures are coded by several threads, whose time counts together.
_THREADS = 4


def main() -> None:
    channel = Channel(socket.socket(fileno=0))
    rehearse()
    try:
        _, payload = channel.receive()
        job = msgspec.json.decode(payload, type=Job)
        _confine(job.limits)
        channel.send(*_do(job, channel))
    except Closed:
        # Nobody waits for the answer any more.
        pass
    # The libraries' own tidying up has nothing to tidy, and hostile media may have made it unsafe.
    os._exit(0)


def _do(job: Job, channel: Channel) -> tuple[bytes, bytes]:
    file, output = RemoteFile(channel, job.size), Output(channel)
    try:
        result = b"null"
        if job.measure:
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


def _confine(limits: Limits) -> None:
    seconds = limits.seconds * _THREADS
    confine(limits.memory_mib, {resource.RLIMIT_CPU: seconds, resource.RLIMIT_NOFILE: 0})


if __name__ == "__main__":
    main()
