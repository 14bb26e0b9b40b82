"""Having the logs of ledgers attested by others, once an hour: accounts take turns."""

from contextlib import suppress

from sqlalchemy import Connection

from earwitness.archive.accounts.accounts import Accounts, Archive
from earwitness.archive.jobs.kinds import ATTEST, WorkKind
from earwitness.archive.upkeep.ledgers import ledger_attestation
from earwitness.archive.upkeep.ledgers.ledger_attestation import Silence
from earwitness.archive.upkeep.ledgers.ledger_heads import LedgerForked
from earwitness.workers.account_turns import AccountTurns


class AttestationTurns(AccountTurns):
    """This worker's share in the attestation of all logs."""

    def __init__(self, accounts: Accounts, worker: str) -> None:
        super().__init__(accounts, worker, _Attestation(accounts))


class _Attestation:
    """No worker has an account to itself: what is asked is claimed in the database."""

    kind: WorkKind = ATTEST
    name = "attestation of the ledger"

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._silence = Silence()

    def go_on(self, archive: Archive, worker: str) -> int | None:
        with suppress(LedgerForked):  # it was said where it was found
            ledger_attestation.attest(archive, self._accounts, self._silence)
        return None

    def due_at(self, connection: Connection) -> int | None:
        return ledger_attestation.due_at(connection, self._accounts.settings)

    def left_until(self, connection: Connection, worker: str) -> int | None:
        return None

    def give_back(self, archive: Archive, worker: str) -> None:
        pass
