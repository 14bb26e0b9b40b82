"""Keeping the logs of ledgers up to date: accounts take turns, one short write each.

An archive that is older than its log is begun in the same way, a batch each turn.
"""

from sqlalchemy import Connection

from earwitness.archive.accounts.accounts import Accounts, Archive
from earwitness.archive.jobs import accounts_with_work
from earwitness.archive.jobs.kinds import ATTEST, LEDGER, WorkKind
from earwitness.archive.upkeep.ledgers import (
    ledger_attestation,
    ledger_beginning,
    ledger_heads,
    ledger_log,
    ledger_thinning,
    open_actions,
)
from earwitness.kernel.clock import now_ms
from earwitness.workers.account_turns import AccountTurns

_BETWEEN_MS = 1_000


class LedgerTurns(AccountTurns):
    """This worker's share in the logs of all accounts."""

    def __init__(self, accounts: Accounts, worker: str) -> None:
        super().__init__(accounts, worker, _Log(accounts))


class _Log:
    """No worker has an account to itself: what two prepare, one of them adds."""

    kind: WorkKind = LEDGER
    name = "log of the ledger"

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def go_on(self, archive: Archive, worker: str) -> int | None:
        is_beginning = ledger_beginning.go_on(archive)
        open_actions.end_dead(archive)
        ledger_heads.check(archive, self._accounts)
        is_full = ledger_log.take_turn(archive, self._accounts)
        ledger_heads.keep_head(archive, self._accounts)
        self._let_others_attest(archive)
        is_left = is_beginning or is_full or ledger_thinning.thin(archive)
        return now_ms() if is_left else None

    def _let_others_attest(self, archive: Archive) -> None:
        with archive.read() as connection:
            at = ledger_attestation.due_at(connection, self._accounts.settings)
        if at is not None:
            accounts_with_work.mark(self._accounts.directory, archive.client_id, {ATTEST: at})

    def due_at(self, connection: Connection) -> int | None:
        """What came during a turn waits for a second, so that a turn adds many actions."""
        at = due_at(connection)
        return None if at is None else max(at, now_ms() + _BETWEEN_MS)

    def left_until(self, connection: Connection, worker: str) -> int | None:
        return None

    def give_back(self, archive: Archive, worker: str) -> None:
        pass


def due_at(connection: Connection) -> int | None:
    """When there is something to do in the log of an account; None if nothing is left."""
    if ledger_beginning.is_left(connection) or ledger_log.is_left(connection):
        return now_ms()
    moments = ledger_heads.head_due_at(connection), open_actions.next_due_at(connection)
    return min((one for one in moments if one is not None), default=None)
