"""The recordings of a selection, as they are found in a read: many are stored for a job meanwhile."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.jobs import position_lists
from earwitness.archive.recordings.collections import CHANGED_AT_ONCE


@dataclass(frozen=True, slots=True)
class Selected:
    """Recordings, by their positions if they are few, else by the job for which they were stored."""

    few: Sequence[int]
    job_id: int | None
    total: int


def select_all(archive: Archive, viewer: Viewer, parts: Iterable[Sequence[int]]) -> Selected:
    """Select the positions of parts, which ascend from one to the next; no more than some are in memory.

    More than 1,000 are stored in writes of their own, on another connection than that which reads them.
    """
    positions = chain.from_iterable(parts)
    few = list(islice(positions, CHANGED_AT_ONCE + 1))
    if len(few) <= CHANGED_AT_ONCE:
        return Selected(few, None, len(few))
    # Not locked: nobody else writes the rows of a job that is not queued yet.
    with archive.write(locked=False) as connection:
        job_id = position_lists.begin(connection, "selection", viewer)
    total = 0
    for number, chunk in enumerate(_chunks(chain(few, positions))):
        with archive.write(locked=False) as connection:
            position_lists.add(connection, job_id, number, chunk)
        total += len(chunk)
    return Selected((), job_id, total)


def _chunks(positions: Iterator[int]) -> Iterator[list[int]]:
    while chunk := list(islice(positions, position_lists.CHUNK)):
        yield chunk
