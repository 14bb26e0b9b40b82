"""The log of the account: its checkpoint, the key that signs it, and how one checkpoint continues another."""

from msgspec import field

from earwitness.archive.ledger.integrating import read_tile
from earwitness.archive.ledger.proving import newest_checkpoint
from earwitness.archive.ledger.tree.proofs import TiledTree
from earwitness.archive.upkeep.ledger_log import bring_up_to_date, verifier_key
from earwitness.kernel.errors import BadRequest, Fault
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import Wire
from earwitness.operations import operations
from earwitness.operations.operations import Call

TEXT = "text/plain; charset=utf-8"


class Consistency(Wire):
    """That the log of `from` leaves is the beginning of the one of `to` leaves, by RFC 9162, section 2.1.4."""

    from_: int = field(name="from")
    to: int
    hashes: list[str]


class ConsistencyQuery(Wire):
    """Two sizes of the log."""

    from_: int = field(name="from")
    to: int


def _with_all_that_is_committed(call: Call) -> None:
    bring_up_to_date(call.archive, call.accounts)


@operations.read(
    "/ledger/checkpoint",
    method="GET",
    right=Right.LEDGER_VIEW,
    beforehand=_with_all_that_is_committed,
    content_type=TEXT,
)
def get_checkpoint(call: Call) -> str:
    """Get the newest checkpoint: a signed note with the number of actions, and one hash over all of them.

    What was answered before this call is in it.
    """
    return newest_checkpoint(call.connection).note
