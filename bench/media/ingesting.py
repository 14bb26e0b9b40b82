"""Ingest of a file over HTTP, compared with `cp`, `sha256sum` and fsync of the same file."""

import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

from bench.media.archive import metadata
from bench.media.servers import Server

BOUNDARY = "a-boundary-that-noise-does-not-hold"


def ingest(server: Server, file: Path, folder: Path, rounds: int) -> dict[str, Any]:
    """Both in turns, in seconds."""
    by_hand: list[float] = []
    by_us: list[float] = []
    media = file.read_bytes()
    for number in range(rounds):
        copied = folder / "copied"
        by_hand.append(_by_hand(file, copied))
        copied.unlink()
        body = body_of(metadata(f"ingested-{number}-{time.time_ns()}"), media)
        began = time.perf_counter()
        server.caller().post("/api/ingest/recording", body, f"multipart/form-data; boundary={BOUNDARY}")
        by_us.append(time.perf_counter() - began)
    ratios = [one / other for one, other in zip(by_hand, by_us, strict=True)]
    return {
        "mib": len(media) >> 20,
        "by_hand_seconds": round(statistics.median(by_hand), 3),
        "ingest_seconds": round(statistics.median(by_us), 3),
        "ratio": round(statistics.median(ratios), 2),
    }


def _by_hand(file: Path, copied: Path) -> float:
    began = time.perf_counter()
    subprocess.run(["cp", file, copied], check=True)
    subprocess.run(["sha256sum", copied], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["sync", copied], check=True)
    return time.perf_counter() - began


def body_of(described: bytes, media: bytes) -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Disposition: form-data; name="
    parts = [
        head.encode() + b'"metadata"\r\n\r\n' + described,
        b"\r\n" + head.encode() + b'"media"; filename="call"\r\n\r\n' + media,
        f"\r\n--{BOUNDARY}--\r\n".encode(),
    ]
    return b"".join(parts)
