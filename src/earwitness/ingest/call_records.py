"""The call records that Asterisk writes, `Master.csv` of cdr_csv: one line a leg, appended as it ends.

Columns: accountcode, src, dst, dcontext, clid, channel, dstchannel, lastapp, lastdata, start, answer, end,
duration, billsec, disposition, amaflags, and, with `loguniqueid=yes` in cdr.conf, uniqueid. Times are of
the machine's zone, unless `usegmtime=yes`. See "CDR Specification" in Asterisk's documentation.
"""

import csv
import os
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import BinaryIO

from earwitness.ingest.naming import Call

_UNIQUE_ID = 16
_DETAILS = {
    0: "accountcode",
    3: "dcontext",
    4: "clid",
    5: "channel",
    6: "dstchannel",
    7: "lastapp",
    14: "disposition",
}

Leg = list[str]


class CallRecords:
    """A file of call records, read on from where it was read to."""

    def __init__(self, file: Path, zone: tzinfo = UTC) -> None:
        self._file = file
        self._zone = zone
        self._inode = self._read_to = 0
        self._wanted: set[str] = set()
        self._found: dict[str, list[Leg]] = defaultdict(list)

    def of(self, ids: Collection[str]) -> dict[str, Call]:
        """The calls of these unique ids, as far as their records are there."""
        try:
            file = self._file.open("rb")
        except FileNotFoundError:
            return {}  # between its being put away and begun anew
        with file:
            status = os.fstat(file.fileno())
            begun_anew = status.st_ino != self._inode or status.st_size < self._read_to
            if begun_anew or not self._wanted.issuperset(ids):
                self._read_to = 0  # what was read before was not held against these ids
                self._found.clear()
            self._wanted, self._inode = set(ids), status.st_ino
            for leg in self._legs(file):
                if leg[_UNIQUE_ID] in self._wanted:
                    self._found[leg[_UNIQUE_ID]].append(leg)
        self._found = defaultdict(list, {id_: self._found[id_] for id_ in ids if id_ in self._found})
        return {id_: self._call(id_, legs) for id_, legs in self._found.items()}

    def _legs(self, file: BinaryIO) -> Iterator[Leg]:
        """The legs that were written since; a line without its end is still being written."""
        file.seek(self._read_to)
        for line in file:
            if not line.endswith(b"\n"):
                return
            self._read_to += len(line)
            leg = _columns(line.decode(errors="replace"))
            if len(leg) > _UNIQUE_ID:
                yield leg

    def _call(self, unique_id: str, legs: list[Leg]) -> Call:
        """One call of its legs: from the first that was answered (or the first) to the end of the last."""
        answered = [leg for leg in legs if leg[14] == "ANSWERED"] or legs
        first, last = answered[0], answered[-1]
        return Call(
            id=unique_id,
            start=self._time(first[10]) or self._time(first[9]),
            end=self._time(last[11]),
            caller=first[1] or None,
            called=first[2] or None,
            details={name: first[column] for column, name in _DETAILS.items() if first[column]},
        )

    def _time(self, text: str) -> datetime | None:
        try:
            return datetime.fromisoformat(text).replace(tzinfo=self._zone) if text else None
        except ValueError:
            return None


def _columns(line: str) -> Leg:
    try:
        return next(
            csv.reader([line]), []
        )  # line by line: a quote that is not closed spoils its own line alone
    except csv.Error:
        return []


def joined(named: Call | None, recorded: Call) -> Call:
    """One call of both: its numbers and direction as its file's name has them, the rest by its record."""
    if named is None:
        return recorded
    return replace(
        recorded,
        caller=named.caller or recorded.caller,
        called=named.called or recorded.called,
        direction=named.direction,
        is_internal=named.is_internal,
        start=recorded.start or named.start,
    )
