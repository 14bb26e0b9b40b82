"""Downloads of an encrypted object: their speed, their memory, and how much they slow down searches."""

import json
import random
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench.media.archive import LARGE
from bench.media.servers import Server
from bench.queries import MIXED, QUERIES

_RANGE = 64 << 10
_PLAY = "/api/client/recording.playBackByThirdPartyId"
_SEARCH = "/api/client/recording.search"


def path_of(interaction_id: int) -> str:
    return f"/api/client/recording/{interaction_id}/media?format=raw"


def speed(encrypted: Server, plain: Server, path: str, clients: int, rounds: int) -> dict[str, Any]:
    """Download in each way, in turns, with so many clients at once: MiB a second of all clients together.

    The ratio of processor time depends less on other work of the machine.
    """
    play = json.dumps({"thirdPartyId": LARGE, "format": "raw", "streamThrough": False}).encode()
    ways: dict[str, tuple[Server, str, bytes | None]] = {
        "plain": (plain, "/file", None),
        "encrypted": (encrypted, path, None),
        "plain_by_litestar": (plain, "/file-by-litestar", None),
        "verified_first": (encrypted, _PLAY, play),
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    used = dict.fromkeys(ways, 0.0)
    for _ in range(rounds):
        for name, (server, path_, body) in ways.items():
            before = server.processor_seconds
            found[name].append(_mib_a_second(server, path_, body, clients))
            used[name] += server.processor_seconds - before
    medians = {name: statistics.median(values) for name, values in found.items()}

    def to(other: str) -> float:
        ratios = [ours / theirs for ours, theirs in zip(found["encrypted"], found[other], strict=True)]
        return round(statistics.median(ratios), 2)

    return {
        "clients": clients,
        **{f"{name}_mib_a_second": round(value) for name, value in medians.items()},
        "ratio": to("plain"),
        "processor_ratio": round(used["plain"] / used["encrypted"], 2),
        "ratio_to_litestar": to("plain_by_litestar"),
    }


def memory(server: Server, path: str) -> dict[str, Any]:
    """How much memory a download adds to the server, at its highest.

    A short download comes first, so that what is loaded only once does not count.
    """
    server.caller().first_byte(path, 0, _RANGE)
    server.forget_highest()
    before = server.rss_mib
    _, size = server.caller().download(path)
    return {"object_mib": size >> 20, "added_mib": round(server.highest_rss_mib - before, 1)}


def first_bytes(server: Server, path: str, size: int, count: int) -> dict[str, Any]:
    """The time to the first byte of random ranges, over one connection, as a player asks for them."""
    caller, pick = server.caller(), random.Random(1)
    times = [caller.first_byte(path, pick.randrange(size), _RANGE) * 1000 for _ in range(count)]
    return {"count": count, **_percentiles(times)}


def search_beside(server: Server, path: str, rounds: int, seconds: float) -> dict[str, Any]:
    """The searches of one client, in turns with and without another client that downloads without a pause."""
    alone: list[float] = []
    beside: list[float] = []
    downloaded = 0
    for _ in range(rounds):
        alone += _searches(server, seconds)
        leaving = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            downloading = pool.submit(_download_until, server, path, leaving)
            beside += _searches(server, seconds)
            leaving.set()
            downloaded += downloading.result()
    found = {"alone": _percentiles(alone), "beside": _percentiles(beside)}
    return {
        **found,
        "downloads": downloaded,
        "p99_ratio": round(found["beside"]["p99_ms"] / found["alone"]["p99_ms"], 2),
    }


def _mib_a_second(server: Server, path: str, body: bytes | None, clients: int) -> float:
    callers = [server.caller() for _ in range(clients)]
    with ThreadPoolExecutor(clients) as pool:
        began = time.perf_counter()
        taken: int = sum(pool.map(lambda caller: caller.download(path, body)[1], callers))
        return taken / (1 << 20) / (time.perf_counter() - began)


def _searches(server: Server, seconds: float) -> list[float]:
    caller, pick = server.caller(), random.Random(1)
    bodies = [json.dumps({**QUERIES[name], "pageSize": 25}).encode() for name in MIXED]
    times: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        began = time.perf_counter()
        caller.post(_SEARCH, pick.choice(bodies))
        times.append((time.perf_counter() - began) * 1000)
    return times


def _download_until(server: Server, path: str, leaving: threading.Event) -> int:
    count, caller = 0, server.caller()
    while not leaving.is_set():
        caller.download(path)
        count += 1
    return count


def _percentiles(times: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {
        "median_ms": round(statistics.median(ordered), 2),
        "p99_ms": round(ordered[int(len(ordered) * 0.99)], 2),
    }
