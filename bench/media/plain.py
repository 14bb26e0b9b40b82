"""The floor of a download: the same server sends a plain file in the same way, without encryption.

It also has a route on which Litestar sends the file by its own means.

PLAIN_FILE=… python -m bench.media.plain --port N
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn
from anyio import CapacityLimiter
from litestar import Litestar, get
from litestar.response import File

from earwitness.app import STORE_CALLS
from earwitness.http.limits.fair_queue import FairQueue
from earwitness.http.playback.download import Download
from earwitness.kernel.system.memory import keep_freed_memory
from earwitness.media.stores.disk import DiskObject

_TURNS = FairQueue()
_AT_ONCE = 1 << 20


@get("/ready", sync_to_thread=False)
def ready() -> str:
    return "ready"


@get("/file", sync_to_thread=True)
def file() -> Any:
    opened = DiskObject(Path(os.environ["PLAIN_FILE"]))
    headers = {"Content-Type": "application/octet-stream", "Content-Length": str(opened.size)}
    return Download(_chunks(opened), opened.close, headers=headers, fair_queue=_TURNS)


@get("/file-by-litestar", sync_to_thread=False)
def file_by_litestar() -> File:
    return File(Path(os.environ["PLAIN_FILE"]))


def _chunks(opened: DiskObject) -> Iterator[bytes]:
    for start in range(0, opened.size, _AT_ONCE):
        yield opened.read(start, start + _AT_ONCE)


if __name__ == "__main__":
    keep_freed_memory()
    application = Litestar([ready, file, file_by_litestar], openapi_config=None, logging_config=None)
    application.state.store_calls = CapacityLimiter(STORE_CALLS)
    port = int(sys.argv[-1])
    uvicorn.run(
        application, port=port, log_config=None, access_log=False, server_header=False, proxy_headers=False
    )
