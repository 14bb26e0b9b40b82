"""Rebuilding text indexes, and folding names: accounts take turns, a batch each.

One worker at a time rebuilds the text index of an account. Each turn folds a batch of names, too.
"""

import logging

from sqlalchemy import Connection

from earwitness.archive.accounts.accounts import Accounts, Archive
from earwitness.archive.jobs.kinds import REBUILD, WorkKind
from earwitness.archive.upkeep import folding, text_rebuild
from earwitness.archive.upkeep.text_rebuild import AT_ONCE, Pace
from earwitness.kernel.clock import now_ms
from earwitness.workers.account_turns import AccountTurns

log = logging.getLogger(__name__)


class TextRebuilds(AccountTurns):
    """This worker's share in the rebuilds of all accounts."""

    def __init__(self, accounts: Accounts, worker: str, at_once: int = AT_ONCE) -> None:
        super().__init__(accounts, worker, _Rebuild(at_once))


class _Rebuild:
    kind: WorkKind = REBUILD
    name = "text rebuild"

    def __init__(self, at_once: int) -> None:
        self._pace = Pace(at_once)

    def go_on(self, archive: Archive, worker: str) -> int | None:
        with archive.read() as connection:
            is_rebuilding = text_rebuild.is_left_to(connection, worker)
        if is_rebuilding is False:
            return None  # the worker that rebuilds the index also folds
        is_folding = folding.go_on(archive)
        next_at = text_rebuild.go_on(archive, worker, self._pace) if is_rebuilding else None
        if is_rebuilding and next_at is None:
            log.info("the text index of account %s has been rebuilt", archive.client_id)
        return now_ms() if is_folding else next_at

    def due_at(self, connection: Connection) -> int | None:
        return now_ms() if folding.is_left(connection) else text_rebuild.due_at(connection)

    def left_until(self, connection: Connection, worker: str) -> int | None:
        return text_rebuild.left_until(connection, worker)

    def give_back(self, archive: Archive, worker: str) -> None:
        text_rebuild.give_back(archive, worker)
