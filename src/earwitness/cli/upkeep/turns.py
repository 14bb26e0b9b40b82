"""What commands write that may concern every recording: in turns, each a short write of its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic, sleep

from sqlalchemy import Connection

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Action

AT_ONCE = 500
"""How many are written in a turn, at most, where each takes a row or two."""

_LONGEST_PAUSE_SECONDS = 1.0

Find = Callable[[Connection, int], Sequence[int]]
"""Finds, in a read, what the next turn writes: ascending numbers after one; none if nothing is left."""


def in_turns(
    archive: Archive, find: Find, write: Callable[[Connection, Sequence[int]], None], *, locked: bool = True
) -> None:
    """Write what `find` finds, a turn at a time. Half of the time is left to other writers of the account.

    `write` has to check again what it is given, since others may have changed it meanwhile. If the command
    ends before it is through, what earlier turns wrote stays.
    """
    after = -1
    while True:
        with archive.read() as connection:
            found = find(connection, after)
        if not found:
            return
        began = monotonic()
        with archive.write(locked=locked) as connection:
            write(connection, found)
        sleep(min(monotonic() - began, _LONGEST_PAUSE_SECONDS))
        after = found[-1]


@dataclass(slots=True)
class OneAction:
    """What all turns of a command do, under one header in the ledger, and of how many.

    The log has the command once it is through: `end` has to be called after the last turn.
    """

    action: Action
    count: int = 0
    _header: int | None = None

    def header(self, connection: Connection) -> int:
        """The id of the header. The first turn that writes something writes it, below that of the order.

        So does one after a pause of a day, as of a machine that slept: the header was ended meanwhile.
        """
        if self._header is None or not ledger.is_open(connection, self._header):
            order = ledger.add_header(connection, self.action)
            self._header = ledger.begin_batches(connection, self.action, order)
        return self._header

    def end(self, archive: Archive) -> None:
        """Note that all turns are done."""
        if self._header is not None:
            with archive.write(locked=False) as connection:
                ledger.end_batches(connection, self._header)
