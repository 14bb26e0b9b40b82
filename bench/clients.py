"""Clients of a server on this machine: one or many, each with a connection that it keeps open."""

import json
import random
import re
import socket
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import Process
from typing import Any

from bench.queries import MIXED, QUERIES, broadest_of

PORT = 8399
SEARCH = "/api/client/recording.search"


class Client:
    """One connection that is kept open, as integrations do. It takes hardly any processor time itself."""

    def __init__(self, token: str = "") -> None:
        self._socket = socket.create_connection(("127.0.0.1", PORT), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._headers = (
            f"Host: 127.0.0.1\r\nContent-Type: application/json\r\nAuthorization: Bearer {token}\r\n"
        )

    def post(self, path: str, body: bytes, *, or_out_of_time: bool = False) -> bytes:
        """Send a body, and return the body of the answer. Raises RuntimeError unless it is 200.

        With `or_out_of_time` a 503 is allowed too.
        """
        head = f"POST {path} HTTP/1.1\r\n{self._headers}Content-Length: {len(body)}\r\n\r\n"
        self._socket.sendall(head.encode() + body)
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._more()
        answered, _, answer = received.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\ncontent-length: *(\d+)", answered)
        assert length is not None
        while len(answer) < int(length[1]):
            answer += self._more()
        status = answered.split(maxsplit=2)[1]
        if status != b"200" and not (or_out_of_time and status == b"503"):
            raise RuntimeError(f"{answered[:20]!r}: {answer[:200]!r}")
        return answer

    def _more(self) -> bytes:
        received = self._socket.recv(1 << 18)
        if not received:
            raise RuntimeError("the server closed the connection")
        return received


def post(path: str, body: Any) -> Any:
    """Send JSON, and read the JSON of the answer."""
    return json.loads(Client().post(path, json.dumps(body).encode()))


def milliseconds_of(work: Callable[[], object]) -> float:
    """How long a function takes, by the clock."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def processor_milliseconds_of(work: Callable[[], object]) -> float:
    """How long a function takes this thread's processor, whatever else runs on the machine."""
    began = time.thread_time()
    work()
    return (time.thread_time() - began) * 1000


def many_at_once(
    tokens: Sequence[str], seconds: float, names: Sequence[str] = MIXED, page_size: int = 25
) -> dict[str, Any]:
    """How many mixed searches a second are answered to clients that search without a pause."""
    clients = len(tokens)
    ask = partial(ask_mixed, names=names, page_size=page_size)
    with ProcessPoolExecutor(clients) as pool:
        asked = pool.map(ask, tokens, [seconds] * clients, range(clients))
        times = [milliseconds for each in asked for milliseconds in each]
    return {"clients": clients, "requests_a_second": round(len(times) / seconds), **_median_and_p99(times)}


def beside_broad(token: str, counts: Sequence[int], seconds: float, recordings: int) -> list[dict[str, Any]]:
    """How long one client waits for mixed searches while others make the broadest ones."""
    told: list[dict[str, Any]] = []
    for count in counts:
        with _asking_broadly(token, count, recordings):
            told.append({"broad_clients": count, **_median_and_p99(ask_mixed(token, seconds, seed=count))})
    return told


def _median_and_p99(times: Sequence[float]) -> dict[str, float]:
    p99 = sorted(times)[int(len(times) * 0.99)]
    return {"median_ms": round(statistics.median(times), 1), "p99_ms": round(p99, 1)}


def ask_mixed(
    token: str, seconds: float, seed: int, names: Sequence[str] = MIXED, page_size: int = 25
) -> list[float]:
    """Make mixed searches at random, and return how many milliseconds each took."""
    client, pick = Client(token), random.Random(seed)
    bodies = [json.dumps({**QUERIES[name], "pageSize": page_size}).encode() for name in names]
    times: list[float] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        body = pick.choice(bodies)
        times.append(milliseconds_of(lambda body=body: client.post(SEARCH, body)))  # type: ignore[misc]
    return times


@contextmanager
def _asking_broadly(token: str, clients: int, recordings: int) -> Iterator[None]:
    asking = [
        Process(target=_ask_broadly, args=(token, seed, recordings), daemon=True) for seed in range(clients)
    ]
    for one in asking:
        one.start()
    time.sleep(min(clients, 1))  # wait until each has sent a search
    try:
        yield
    finally:
        for one in asking:
            one.terminate()
            one.join()


def _ask_broadly(token: str, seed: int, recordings: int) -> None:
    client, pick = Client(token), random.Random(seed)
    broadest = broadest_of(recordings)
    while True:
        client.post(SEARCH, json.dumps(pick.choice(broadest)).encode(), or_out_of_time=True)
