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
    """What all turns of a command do, under one header in the ledger, and of how many."""

    action: Action
    count: int = 0
    _header: int | None = None

    def header(self, connection: Connection) -> int:
        """The id of the header. The first turn that writes something writes it, too."""
        if self._header is None:
            self._header = ledger.add_header(connection, self.action)
        return self._header
