"""The transcribing process: `python -m earwitness.speech.child ENGINE MODEL MEMORY_MIB`.

Its standard input is a socket. It hears 16-bit samples at 16 kHz until the other end says that this was
all, answers with one `Answer` in JSON, and ends. It writes no file, and ends with the one that started it.

Before its engine is imported, which starts threads, it gives up all files but Python's and its model's, and
starts no other process: what a hostile model left behind would hear the call. When the model is loaded,
before anything is heard, it gives up the system calls that engines do not need.
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
from earwitness.speech.engine import EngineUnusable, Transcript, load
from earwitness.speech.needed_files import gpus, needed_files

_PIECE_SIZE = 65536
_NICER_BY = 10


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it: a transcript, or why there is none. `unusable` is what somebody has to mend.

    `layers` is what confined the process while it heard.
    """

    transcript: Transcript | None = None
    failed: str = ""
    unusable: str = ""
    layers: Layers | None = None


def main() -> None:
    engine, model, memory_mib = sys.argv[1:]
    end = socket.socket(fileno=0)
    keep_memory_private()
    os.nice(_NICER_BY)
    limit(int(memory_mib))
    give_up_privileges(but=READ_ALL_FILES)  # a model's folder may be readable for its owner alone
    landlock = restrict(needed_files(model), gpus())
    stay_alone()
    _end_when_alone(end)
    end.sendall(msgspec.json.encode(_answer(engine, model, end, landlock)))
    # The libraries' own tidying up has nothing to tidy.
    os._exit(0)


def _answer(engine: str, model: str, end: socket.socket, landlock: int) -> Answer:
    try:
        loaded = load(engine, model)
        # Libraries of linear algebra write code for the processor that they find.
        layers = Layers(landlock, seal(generates_code=True, uses_devices=bool(gpus())))
        return Answer(loaded.transcribe(_pieces(end)), layers=layers)
    except EngineUnusable as error:
        return Answer(unusable=str(error))
    except MemoryError:
        return Answer(failed="out of memory")
    except Exception as error:
        return Answer(failed=type(error).__name__)


def _pieces(end: socket.socket) -> Iterator[bytes]:
    """What is heard, in whole samples."""
    half = b""
    while piece := end.recv(_PIECE_SIZE):
        piece = half + piece
        whole = len(piece) & ~1
        half = piece[whole:]
        yield piece[:whole]


def _end_when_alone(end: socket.socket) -> None:
    """End with the process that started this one: it may be killed while nothing is read or written here."""
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
