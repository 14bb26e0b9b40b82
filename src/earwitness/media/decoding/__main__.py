"""The fork server of decoding processes: `python -m earwitness.media.decoding`.

It has no key and no secret, gives up all files and other processes, and rehearses. It reads nothing but its
standard input, a socket on which its starter asks for decoding processes (`kernel/system/fork_server.py`).
"""

import gc
import os
import socket

from earwitness.kernel.system.fork_server import Work, serve_forks

_MOST_CHARACTERS = 300


def main() -> None:
    control = socket.socket(fileno=0)
    try:
        work = _load()
    except Exception as error:
        # Nothing of any recording was read yet, so this holds no content.
        reason = f"{type(error).__name__}: {error}"
        control.sendall(reason.encode("ascii", "replace")[:_MOST_CHARACTERS])
        os._exit(1)
    # What was loaded lives as long as the process. Children that do not look at it share it.
    gc.collect()
    gc.freeze()
    serve_forks(control, work)
    os._exit(0)


def _load() -> Work:
    """Load and rehearse everything. Raises what a library or a table raises that does not fit."""
    from earwitness.media.decoding.child import prepare

    return prepare()


if __name__ == "__main__":
    main()
