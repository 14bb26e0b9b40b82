"""Places in the feed, as `since` and `next` have them: the number of the last change that was read.

While a copy that began with `since=0` has not come to the end, its places have more in them: how often the
viewer's access had changed. So it can go on, although its place is older than the last of these changes.
"""

from dataclasses import dataclass

from sqlalchemy import Connection

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.ledger.feed.own_access import how_often, number_of
from earwitness.archive.ledger.integrating import newest_sequence
from earwitness.kernel.errors import BadRequest, Fault

_BEGINS = 1 << 38
"""Numbers of changes are smaller. What is in a place besides the number is a multiple of it."""

_MOST_OFTEN = 1 << 14
"""Places stay below 2^53. How often the access had changed is kept modulo this."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the feed."""

    sequence: int
    """The number of the last change that was read; 0 for the beginning."""
    access: int
    """The number of the last change that the viewer's access is known to have been read after."""
    begins: bool
    """Whether a copy begins from nothing, and has not come to the end since."""


def place_of(connection: Connection, viewer: Viewer, since: int) -> Place:
    """Read a place. Raises BadRequest for one that no answer can have had."""
    begun, sequence = divmod(since, _BEGINS)
    newest = newest_sequence(connection)
    if sequence > newest:
        raise BadRequest.of(Fault("since", f"expected the `next` of an answer: the newest is {newest}"))
    if not begun:
        return Place(sequence, sequence, begins=sequence == 0)
    now = how_often(connection, viewer)
    count = now - (now - (begun - 1)) % _MOST_OFTEN
    if count < 0:
        raise BadRequest.of(Fault("since", "expected the `next` of an answer to the same user"))
    return Place(sequence, number_of(connection, viewer, count), begins=True)


def next_of(connection: Connection, viewer: Viewer, sequence: int, *, begins: bool) -> int:
    """What a client sends as `since` to go on after a change."""
    if not begins:
        return sequence
    return (how_often(connection, viewer) % _MOST_OFTEN + 1) * _BEGINS + sequence
