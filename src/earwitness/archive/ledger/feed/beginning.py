"""Whether the log has all that there is. Until then the feed would leave out recordings without a word."""

from sqlalchemy import Connection, select

from earwitness.archive.schema.people import LOG_BEGINS, counters
from earwitness.kernel.errors import Unavailable

_LEFT = select(counters.c.value).where(counters.c.name == LOG_BEGINS)


def check_has_begun(connection: Connection) -> None:
    """Raise Unavailable until the log has all recordings that are older than it."""
    if connection.scalar(_LEFT) is not None:
        raise Unavailable(
            "The ledger does not have all recordings yet: workers are adding those from before the upgrade.",
            code="ledger-begins",
            headers={"Retry-After": "30"},
        )
