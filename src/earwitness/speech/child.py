"""The transcribing process: `python -m earwitness.speech.child ENGINE MODEL MEMORY_MIB`.

Its standard input is a socket. It reads 16-bit samples at 16 kHz until the other end shuts down its side,
answers with one `EngineAnswer` in JSON, and ends. It writes no file, and ends when the process that started
it ends.

A hostile model must not be able to leave anything that listens to the call. So the process confines itself in
two steps. The first is before it imports its engine, which starts threads: it gives up all files but Python's
and the model's, and the right to start processes. The second is after the model is loaded, and before it
reads any sound: it gives up all system calls that engines do not need.
"""

import os
import select
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from earwitness.kernel.confinement.landlock import restrict
from earwitness.kernel.confinement.layers import Layers
from earwitness.kernel.confinement.limits import limit
from earwitness.kernel.confinement.privileges import READ_ALL_FILES, give_up_privileges, keep_memory_private
from earwitness.kernel.confinement.seccomp import seal, stay_alone
from earwitness.speech.engine import ChannelTranscript, EngineUnusable
from earwitness.speech.loading import load
from earwitness.speech.needed_files import gpus, needed_files

_PIECE_SIZE = 65536
_NICER_BY = 10


@dataclass(frozen=True, slots=True)
class EngineAnswer:
    """The transcript, or the reason why there is none.

    `failed` is the reason of a failure; `unusable` says what somebody has to do before the engine can be
    used. `layers` is what confined the process while it transcribed.
    """

    transcript: ChannelTranscript | None = None
    failed: str = ""
    unusable: str = ""
    layers: Layers | None = None


def main() -> None:
    engine, model, memory_mib = sys.argv[1:]
    end = socket.socket(fileno=0)
    keep_memory_private()
    os.nice(_NICER_BY)
    limit(int(memory_mib))
    give_up_privileges(but=READ_ALL_FILES)  # the model's folder may be readable only by its owner
    landlock = restrict(needed_files(model), gpus())
    stay_alone()
    _end_with_starter(end)
    end.sendall(msgspec.json.encode(_answer(engine, model, end, landlock)))
    # Skip the clean-up of libraries: nothing needs it.
    os._exit(0)


def _answer(engine: str, model: str, end: socket.socket, landlock: int) -> EngineAnswer:
    try:
        loaded = load(engine, model)
        # Libraries for linear algebra generate machine code for the processor they run on.
        layers = Layers(landlock, seal(generates_code=True, uses_devices=bool(gpus())))
        return EngineAnswer(loaded.transcribe(_pieces(end)), layers=layers)
    except EngineUnusable as error:
        return EngineAnswer(unusable=str(error))
    except MemoryError:
        return EngineAnswer(failed="out of memory")
    except Exception as error:
        return EngineAnswer(failed=type(error).__name__)


def _pieces(end: socket.socket) -> Iterator[bytes]:
    """The sound that arrives, in pieces of whole samples."""
    half = b""
    while piece := end.recv(_PIECE_SIZE):
        piece = half + piece
        whole = len(piece) & ~1
        half = piece[whole:]
        yield piece[:whole]


def _end_with_starter(end: socket.socket) -> None:
    """End this process when its starter ends, also while it neither reads nor writes."""
    if sys.platform != "linux":
        return

    def watch() -> None:
        hung_up = select.poll()
        hung_up.register(end, 0)
        hung_up.poll()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    main()
