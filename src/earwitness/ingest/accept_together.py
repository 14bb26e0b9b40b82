"""Recordings that arrive at the same time are accepted in one transaction. Each has its own outcome."""

from collections.abc import Sequence
from functools import partial

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.database.errors import is_outage
from earwitness.archive.database.group_commit import Take
from earwitness.ingest.accept import accept_all
from earwitness.ingest.arrivals import Accepted, Arrival
from earwitness.kernel.deadlines import seconds_left
from earwitness.kernel.errors import Unavailable

_MOST_CHARACTERS_WITH_OTHERS = 100_000
"""An hour of speech has about 50,000."""

_MOST_BYTES_WITH_OTHERS = 1_000_000
_MOST_ROWS_WITH_OTHERS = 200
"""Participants, tags and data groups. Each has a row or more of its own."""


def accept(archive: Archive, arrival: Arrival) -> Accepted:
    """Add a recording, and return when it is committed and has its receipt.

    Raises Conflict if another recording, with other media or metadata, has its `thirdPartyId`, and what the
    database raises. What is large is written alone, since the others would wait for it.
    """
    if _is_large(arrival):
        return _one(_alone(archive, arrival))
    try:
        return archive.arrivals.write(arrival, partial(_accept_all, archive), seconds_left())
    except TimeoutError:
        raise Unavailable("Other recordings took all the time.", headers={"Retry-After": "5"}) from None


def _is_large(arrival: Arrival) -> bool:
    values = arrival.values
    rows = len(values.endpoints) + len(values.tags or ()) + len(values.data_groups or ())
    return (
        arrival.metadata.characters > _MOST_CHARACTERS_WITH_OTHERS
        or arrival.metadata.size > _MOST_BYTES_WITH_OTHERS
        or rows > _MOST_ROWS_WITH_OTHERS
    )


def _accept_all(archive: Archive, take: Take[Arrival]) -> Sequence[Accepted | Exception]:
    arrivals: Sequence[Arrival] = ()
    is_written = False
    try:
        with archive.write(committed=take.pass_on) as connection:
            arrivals = take()
            outcomes = accept_all(connection, archive, arrivals)
            is_written = True
    except Exception as error:
        # What may be committed is not written again: it would look like a recording that is sent twice.
        if is_written or len(arrivals) < 2 or is_outage(error):
            raise
        return [_alone(archive, arrival) for arrival in arrivals]  # one of them cannot be written
    return outcomes


def _alone(archive: Archive, arrival: Arrival) -> Accepted | Exception:
    try:
        with archive.write(patient=arrival.metadata.is_long) as connection:
            [outcome] = accept_all(connection, archive, [arrival])
    except Exception as error:
        return error
    return outcome


def _one(outcome: Accepted | Exception) -> Accepted:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
