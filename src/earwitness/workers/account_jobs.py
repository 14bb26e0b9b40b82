"""Doing the jobs of accounts, in turns."""

from sqlalchemy import Connection

from earwitness.archive.accounts.accounts import Accounts, Archive
from earwitness.archive.jobs import account_jobs
from earwitness.archive.jobs.kinds import ACCOUNT, WorkKind
from earwitness.archive.upkeep import account_work
from earwitness.archive.upkeep.account_work import Pace
from earwitness.workers.account_turns import AccountTurns


class AccountJobs(AccountTurns):
    """This worker's share in the jobs of all accounts."""

    def __init__(self, accounts: Accounts, worker: str) -> None:
        super().__init__(accounts, worker, _Jobs())


class _Jobs:
    kind: WorkKind = ACCOUNT
    name = "mass change"

    def __init__(self) -> None:
        self._pace = Pace()

    def go_on(self, archive: Archive, worker: str) -> int | None:
        return account_work.go_on(archive, worker, self._pace)

    def left_until(self, connection: Connection, worker: str) -> int | None:
        return account_jobs.left_until(connection, worker)

    def give_back(self, archive: Archive, worker: str) -> None:
        account_work.give_back(archive, worker)
