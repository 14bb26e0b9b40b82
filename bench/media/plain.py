"""What a download is compared with: the same server and the same way of sending, without encryption.

PLAIN_FILE=… python -m bench.media.plain --port N
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn
from litestar import Litestar, get

from earwitness.http.download import Download
from earwitness.http.turns import Turns
from earwitness.kernel.memory import keep_freed_memory
from earwitness.media.disk import DiskObject
from earwitness.media.streaming import SEGMENT_SIZE

_TURNS = Turns()


@get("/ready", sync_to_thread=False)
def ready() -> str:
    return "ready"


@get("/file", sync_to_thread=True)
def file() -> Any:
    opened = DiskObject(Path(os.environ["PLAIN_FILE"]))
    headers = {"Content-Type": "application/octet-stream", "Content-Length": str(opened.size)}
    return Download(_chunks(opened), opened.close, headers=headers, turns=_TURNS)


def _chunks(opened: DiskObject) -> Iterator[bytes]:
    for start in range(0, opened.size, SEGMENT_SIZE):
        yield opened.read(start, start + SEGMENT_SIZE)


if __name__ == "__main__":
    keep_freed_memory()
    application = Litestar([ready, file], openapi_config=None, logging_config=None)
    port = int(sys.argv[-1])
    uvicorn.run(
        application, port=port, log_config=None, access_log=False, server_header=False, proxy_headers=False
    )
