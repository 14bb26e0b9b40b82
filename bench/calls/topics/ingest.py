"""A short call from its arrival until it can be played, and the first byte of a rendition."""

import itertools
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from bench.calls.by_hand import Hand
from bench.calls.measuring import in_turns, spent
from bench.calls.rows import Figure, Row
from bench.calls.site import Caller, Site
from bench.calls.topics.library import ingest_by_hand, keep_by_hand, mp3_of
from bench.media.encoding import write_call
from earwitness.kernel.clock import format_ms, now_ms

_CALL_SECONDS = 20
_AT_ONCE = 8
_CALLS, _MANY_CALLS = 20, 40
_BOUNDARY = "a-boundary-that-sound-does-not-hold"
_ALLOWED_SECONDS = 120
_PAUSE_SECONDS = 0.02

_ACCEPTED_BY_HAND = 11
"""Sign-in, the counter, the recording, who took part, their people, the text, the key, the object, the job,
and the header and the row of the ledger: a statement each."""

_PLAYABLE_BY_HAND = _ACCEPTED_BY_HAND + 6
"""The job taken, what it needs read, the object, the waveform and the recording written, the job done."""

T = TypeVar("T")
R = TypeVar("R")
ByHand = Callable[[Hand, Path, str, bytes], object]

_numbers = itertools.count(time.time_ns() // 1_000_000)


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends calls to a server."""

    site: Site
    sound: bytes

    @classmethod
    def of(cls, site: Site) -> "Sender":
        if "sound" not in site.kept:
            file = site.folder / "call.wav"
            write_call(file, _CALL_SECONDS)
            site.kept["sound"] = file.read_bytes()
        return cls(site, site.kept["sound"])

    def send(self, caller: Caller) -> str:
        """Send a call. Returns its id when it is acknowledged."""
        third_party_id = _new_id()
        body = _form(third_party_id, self.sound)
        caller.call("POST", "/ingest/recording", body, f"multipart/form-data; boundary={_BOUNDARY}")
        return third_party_id

    def send_until_playable(self, callers: list[Caller], count: int) -> list[str]:
        """Send calls with so many callers at once, and wait until all can be played."""
        sent = self.send_all(callers, count)
        until = time.monotonic() + _ALLOWED_SECONDS
        waiting = "SELECT count(*) FROM recordings WHERE third_party_id >= ? AND status <> 'processed'"
        while self.site.hand.one(waiting, min(sent)):
            if time.monotonic() > until:
                raise RuntimeError("calls were not processed")
            time.sleep(_PAUSE_SECONDS)
        return sent

    def send_all(self, callers: list[Caller], count: int) -> list[str]:
        """Send calls with so many callers at once, until all are acknowledged."""
        return _at_once_with(callers, self.send, count)


def _new_id() -> str:
    """Later than all before it in the order of texts."""
    return f"ingested-{next(_numbers):020d}"


def _form(third_party_id: str, media: bytes) -> bytes:
    metadata = {
        "thirdPartyId": third_party_id,
        "type": "phone",
        "startDatetimeUTC": format_ms(now_ms()),
        "endpoints": [
            {"type": "phone", "endpoint": "442000000001", "isRecordingSubject": True, "isOriginator": True},
            {"type": "phone", "endpoint": "442000000002"},
        ],
    }
    head = f"--{_BOUNDARY}\r\nContent-Disposition: form-data; name=".encode()
    return b"".join(
        [
            head + b'"metadata"\r\n\r\n' + json.dumps(metadata).encode(),
            b"\r\n" + head + b'"media"; filename="call.wav"\r\n\r\n' + media,
            f"\r\n--{_BOUNDARY}--\r\n".encode(),
        ]
    )


def _processor_of_one(site: Site) -> Figure:
    """Milliseconds of processor for one call, of a client that sends one after the other."""
    sender = Sender.of(site)
    sender.send_until_playable([site.caller], _CALLS)
    return in_turns(
        max(site.rounds // 2, 1),
        lambda: (
            spent(site.used_by_server, lambda: sender.send_until_playable([site.caller], _CALLS)) / _CALLS
        ),
        lambda: spent(
            site.used_here, lambda: ingest_by_hand(site.hand, site.folder, _new_id(), sender.sound), _CALLS
        ),
    )


def _at_once(site: Site) -> Figure:
    """Milliseconds for one call, by the clock, when eight clients send at once until all can be played."""
    return _by_many(site, Sender.of(site).send_until_playable, ingest_by_hand)


def _acknowledged_at_once(site: Site) -> Figure:
    """The same until all are acknowledged, by a server that does no jobs meanwhile."""
    return _by_many(site, Sender.of(site).send_all, keep_by_hand)


def _by_many(site: Site, send: Callable[[list[Caller], int], object], by_hand: ByHand) -> Figure:
    callers = [site.another_caller() for _ in range(_AT_ONCE)]
    hands = [Hand(site.archive) for _ in range(_AT_ONCE)]
    send(callers, _AT_ONCE)
    floor = partial(_many_by_hand, site, hands, by_hand)
    return in_turns(
        max(site.rounds // 2, 1),
        lambda: spent(time.perf_counter, lambda: send(callers, _MANY_CALLS)) / _MANY_CALLS,
        lambda: spent(time.perf_counter, floor) / _MANY_CALLS,
    )


def _many_by_hand(site: Site, hands: list[Hand], by_hand: ByHand) -> None:
    sound = Sender.of(site).sound

    def one(hand: Hand) -> None:
        by_hand(hand, site.folder, _new_id(), sound)

    _at_once_with(hands, one, _MANY_CALLS)


def _at_once_with(each: list[T], work: Callable[[T], R], count: int) -> list[R]:
    """Do something so often in as many threads as there are things to do it with, each for one at a time."""
    free: SimpleQueue[T] = SimpleQueue()
    for one in each:
        free.put(one)

    def do(_: int) -> R:
        taken = free.get()
        try:
            return work(taken)
        finally:
            free.put(taken)

    with ThreadPoolExecutor(len(each)) as pool:
        return list(pool.map(do, range(count)))


def _statements_until_acknowledged(site: Site) -> Figure:
    sender = Sender.of(site)
    return _statements(site, _ACCEPTED_BY_HAND, lambda count: sender.send_all([site.caller], count))


def _statements_until_playable(site: Site) -> Figure:
    sender = Sender.of(site)
    return _statements(
        site, _PLAYABLE_BY_HAND, lambda count: sender.send_until_playable([site.caller], count)
    )


def _statements(site: Site, by_hand: int, send: Callable[[int], object]) -> Figure:
    send(3)  # the first ones also look up what is remembered afterwards
    before = site.statements()
    send(_CALLS)
    return Figure((site.statements() - before) / _CALLS, by_hand)


def _first_byte(site: Site) -> float:
    """Milliseconds until the first byte of a rendition of a call that was never played before."""
    sender = Sender.of(site)
    if not site.kept.get("unplayed"):
        site.kept["unplayed"] = sender.send_until_playable([site.caller], _CALLS)
    body = {"thirdPartyId": site.kept["unplayed"].pop(), "format": "mp3-mono", "streamThrough": True}
    answer = site.caller.call("POST", "/client/recording.playBackByThirdPartyId", body)
    if len(answer.body) < 10_000:
        raise RuntimeError("the rendition is too short")
    return answer.first_byte_seconds * 1000


def _first_bytes(site: Site) -> Figure:
    sound = Sender.of(site).sound
    return in_turns(
        site.rounds, lambda: _first_byte(site), lambda: spent(time.perf_counter, lambda: mp3_of(sound))
    )


_LIBRARIES = "sha256, AES-GCM, LAME, fsyncs and commits by the libraries"
ROWS = (
    Row("ingest of a 20 s call, until it can be played", "ms of processor", _LIBRARIES, 3, _processor_of_one),
    Row("ingest with 8 clients at once, until all can be played", "ms", _LIBRARIES, 3, _at_once),
    Row(
        "ingest with 8 clients at once, until all are acknowledged",
        "ms",
        "sha256, AES-GCM, fsyncs and a commit by the libraries",
        2,
        _acknowledged_at_once,
        "serving without jobs",
    ),
    Row(
        "statements until a call is acknowledged",
        "statements",
        "one for each table",
        12 / _ACCEPTED_BY_HAND,
        _statements_until_acknowledged,
        "serving without jobs",
    ),
    Row(
        "statements until a call can be played",
        "statements",
        "one for each table",
        1.5,
        _statements_until_playable,
    ),
    Row(
        "first byte of a rendition that is made while it streams",
        "ms",
        "the whole rendition by LAME alone",
        2,
        _first_bytes,
    ),
)
