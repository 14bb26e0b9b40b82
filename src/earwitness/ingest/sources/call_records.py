"""Asterisk's call records, `Master.csv` of cdr_csv: one line for each leg of a call, written when it ends.

Columns: accountcode, src, dst, dcontext, clid, channel, dstchannel, lastapp, lastdata, start, answer, end,
duration, billsec, disposition, amaflags, and, with `loguniqueid=yes` in cdr.conf, uniqueid; then userfield
with `loguserfield=yes`, and peeraccount, linkedid, sequence with `newcdrcolumns=yes`. Times are in the
machine's time zone, unless `usegmtime=yes`. See "CDR Specification" in Asterisk's documentation.
"""

import csv
import os
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from itertools import product
from pathlib import Path
from typing import BinaryIO

from earwitness.ingest.files.regular_files import open_regular
from earwitness.ingest.sources.file_names import CallFacts, skipped
from earwitness.ingest.sources.wall_times import Span, channel_made_at, moments

_SRC, _DST, _CHANNEL, _DST_CHANNEL = 1, 2, 5, 6
_START, _ANSWER, _END, _DURATION, _BILLSEC, _DISPOSITION = 9, 10, 11, 12, 13, 14
_UNIQUE_ID = 16
_FEWEST_WITH_LINKED_ID = 20
_DETAILS = {
    0: "accountcode",
    3: "dcontext",
    4: "clid",
    5: "channel",
    6: "dstchannel",
    7: "lastapp",
    14: "disposition",
}
# Steps of a dialplan. They are not phone numbers.
_STEPS = frozenset(("s", "h", "i", "t", "T", "o", "a", "e", "fax", "failed", "hang", "~~s~~"))
# The extension in a channel: PJSIP/204-0000001a, Local/204@from-queue-0000002b;1. A channel with more than
# six digits is a trunk.
_EXTENSION = re.compile(r"[A-Za-z0-9]+/(?:FM[PG][RL]-)?([0-9]{1,6})(?:@|-[0-9a-f]+)")
_SECONDS_DIFFER_BY = 2
_LONGEST_LINE = 1 << 20

Leg = list[str]


class CallRecords:
    """A file of call records. Each read continues where the last one ended."""

    def __init__(self, file: Path, zone: tzinfo = UTC) -> None:
        self._file = file
        self._zone = zone
        self._inode = self._read_to = 0
        self._ids: set[str] = set()
        self._found: dict[str, list[Leg]] = defaultdict(list)

    def of(self, ids: Collection[str]) -> dict[str, CallFacts]:
        """The calls of these unique ids whose records have been written. Raises OSError."""
        try:
            file = open_regular(self._file)
        except FileNotFoundError:
            return {}  # the file is being rotated: the new one does not exist yet
        with file:
            status = os.fstat(file.fileno())
            begun_anew = status.st_ino != self._inode or status.st_size < self._read_to
            if begun_anew or not self._ids.issuperset(ids):
                self._read_to = 0  # read all lines again, for ids that were not searched for
                self._found.clear()
            self._ids, self._inode = set(ids), status.st_ino
            for leg in self._legs(file):
                for id_ in {leg[_UNIQUE_ID], _linked_id(leg)} & self._ids:
                    self._found[id_].append(leg)
        self._found = defaultdict(list, {id_: self._found[id_] for id_ in ids if id_ in self._found})
        return {id_: self._call(id_, legs) for id_, legs in self._found.items()}

    def _legs(self, file: BinaryIO) -> Iterator[Leg]:
        """The new legs of the file. A line without a line end is still being written."""
        file.seek(self._read_to)
        while line := file.readline(_LONGEST_LINE):
            if not line.endswith(b"\n"):
                return
            self._read_to += len(line)
            leg = _columns(line.decode(errors="replace"))
            if len(leg) > _UNIQUE_ID:
                yield leg

    def _call(self, unique_id: str, legs: list[Leg]) -> CallFacts:
        """Combine legs into one call: only the answered ones, if any was answered.

        It lasts from the first answer to the last end. Everybody in one of these legs took part in the call.
        Legs are sorted by time, because lines are not written in the order of time.
        """
        answered = [leg for leg in legs if leg[_DISPOSITION] == "ANSWERED"] or legs
        possible = {id(leg): self._spans_of(leg, unique_id) for leg in answered}
        answered.sort(key=lambda leg: (possible[id(leg)][0].start or 0, _sequence(leg)))
        hulls = [_hull([possible[id(leg)][which] for leg in answered]) for which in (0, -1)]
        first = answered[0]
        numbers = [number for leg in answered for number in _numbers_of(leg)]
        called = next((number for number in _called_by(first)), None)
        return CallFacts(
            id=unique_id,
            spans=tuple(dict.fromkeys(hulls)),
            caller=first[_SRC],
            called=called,
            others=tuple(number for number in dict.fromkeys(numbers) if number not in (first[_SRC], called)),
            details={name: first[column] for column, name in _DETAILS.items() if first[column]},
            doubts=skipped(self._zone, start=_time(first[_ANSWER]) or _time(first[_START])),
        )

    def _spans_of(self, leg: Leg, unique_id: str) -> list[Span]:
        """All spans that a leg may have, from its answer (or else its start) to its end, earliest first.

        Spans that contradict its duration or the time of its channel are left out.
        """
        columns = (_START, _ANSWER, _END)
        meant = [moments(time, self._zone) if (time := _time(leg[one])) else [None] for one in columns]
        all_: list[tuple[int | None, ...]] = list(product(*meant))
        fitting = [times for times in all_ if _fits(leg, *times)]
        forward = [times for times in all_ if _is_forward(*times)]
        made_at = channel_made_at(unique_id)
        left = fitting or forward or all_[:1]
        if made_at is not None:
            after = [(times[0] or 0) >= made_at - _SECONDS_DIFFER_BY * 1000 for times in left]
            left = [times for times, is_after in zip(left, after, strict=True) if is_after] or left
        return [Span(start if answer is None else answer, end) for start, answer, end in left]


def joined(named: CallFacts | None, recorded: CallFacts) -> CallFacts:
    """Combine a file's name and its call record: numbers and direction of the name, the rest of the record.

    Other numbers of the record are participants too.
    """
    if named is None:
        return recorded
    numbers = [number for number in (recorded.caller, recorded.called) if number]
    caller, called = _either(named.caller, recorded.caller), _either(named.called, recorded.called)
    return replace(
        recorded,
        caller=caller,
        called=called,
        others=[one for one in (*numbers, *recorded.others) if one not in (caller, called)],
        direction=named.direction,
        is_internal=named.is_internal,
        spans=named.spans if recorded.spans[0].start is None else recorded.spans,
    )


def _either(named: str | None, recorded: str | None) -> str | None:
    return named or recorded or (recorded if named is None else named)


def _columns(line: str) -> Leg:
    try:
        # Read one line at a time, so that an unclosed quote affects only its own line.
        return next(csv.reader([line]), [])
    except csv.Error:
        return []


def _linked_id(leg: Leg) -> str:
    return leg[-2] if len(leg) >= _FEWEST_WITH_LINKED_ID else ""


def _sequence(leg: Leg) -> int:
    has_one = len(leg) >= _FEWEST_WITH_LINKED_ID and leg[-1].isdecimal()
    return int(leg[-1]) if has_one else 0


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


def _fits(leg: Leg, start: int | None, answer: int | None, end: int | None) -> bool:
    """Whether these times, in ms, agree with the duration and billsec of the leg."""
    lasted = [(start, leg[_DURATION]), (answer, leg[_BILLSEC])]
    return _is_forward(start, answer, end) and all(
        abs((end - since) / 1000 - int(seconds)) <= _SECONDS_DIFFER_BY
        for since, seconds in lasted
        if since is not None and end is not None and seconds.isdecimal()
    )


def _is_forward(*times: int | None) -> bool:
    known = [time for time in times if time is not None]
    return known == sorted(known)


def _hull(of: Sequence[Span]) -> Span:
    starts = [span.start for span in of if span.start is not None]
    ends = [span.end for span in of if span.end is not None]
    return Span(min(starts, default=None), max(ends, default=None))


def _called_by(leg: Leg) -> Iterator[str]:
    """The number that was called and the extension that answered, if they are known."""
    if leg[_DST] and leg[_DST] not in _STEPS:
        yield leg[_DST]
    yield from _EXTENSION.findall(leg[_DST_CHANNEL])[:1]


def _numbers_of(leg: Leg) -> Iterator[str]:
    if leg[_SRC]:
        yield leg[_SRC]
    yield from _EXTENSION.findall(leg[_CHANNEL])[:1]
    yield from _called_by(leg)
