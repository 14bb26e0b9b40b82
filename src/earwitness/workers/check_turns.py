"""The daily checks: a thirtieth of the ledger and of the media of each account, a slice each turn.

What they find is an action of the ledger: `earwitness` checked so many, and so many differ. Slices are reads;
only how far they came is written.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Connection, func, select

from earwitness.archive.accounts.accounts import Accounts, Archive
from earwitness.archive.integrity.objects import check_some
from earwitness.archive.jobs import daily_checks
from earwitness.archive.jobs.daily_checks import DAYS, MOST_DIFFERENCES, CheckKind, Progress, Today
from earwitness.archive.jobs.kinds import CHECK, WorkKind
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.checking.checks import CHECKS
from earwitness.archive.ledger.ledger import Action, Entry
from earwitness.archive.schema.vault import media_objects
from earwitness.archive.upkeep.ledgers import ledger_checks
from earwitness.kernel.clock import now_ms
from earwitness.workers.account_turns import AccountTurns

log = logging.getLogger(__name__)

_OBJECTS_AT_ONCE = 50


class CheckTurns(AccountTurns):
    """This worker's share in the daily checks of all accounts."""

    def __init__(self, accounts: Accounts, worker: str) -> None:
        super().__init__(accounts, worker, _DailyChecks(accounts))


@dataclass(frozen=True, slots=True)
class Looked:
    """One slice: how many were looked at, what is wrong with them, and where the next one begins."""

    count: int
    found: list[dict[str, Any]]
    next: int | None


class Checker(Protocol):
    """What is checked: parts that have so many each, in slices."""

    def totals(self, connection: Connection) -> dict[str, int]: ...

    def look(self, archive: Archive, part: str, first: int, most: int) -> Looked: ...


class _Ledger:
    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def totals(self, connection: Connection) -> dict[str, int]:
        return {name: check.total(connection) for name, check in CHECKS.items()}

    def look(self, archive: Archive, part: str, first: int, most: int) -> Looked:
        check = ledger_checks.begin(archive, self._accounts)
        checked = ledger_checks.slice_of(archive, check, part, first, min(most, CHECKS[part].at_once))
        found = [
            {
                "field": one.field,
                "difference": one.difference,
                "name": one.thing.entity_name,
                "id": one.thing.entity_id,
            }
            for one in checked.differences
        ]
        return Looked(checked.count, found, checked.next)


class _Media:
    def totals(self, connection: Connection) -> dict[str, int]:
        return {"objects": connection.scalar(select(func.count()).select_from(media_objects)) or 0}

    def look(self, archive: Archive, part: str, first: int, most: int) -> Looked:
        checked, last = check_some(archive, first, min(most, _OBJECTS_AT_ONCE))
        found = [
            {
                "field": one.damage["kind"],
                "difference": one.damage["reason"],
                "name": "Recording",
                "id": one.damage["interactionId"],
            }
            for one in checked
            if one.damage is not None
        ]
        found += [
            {
                "field": "key",
                "difference": f"The key {one.missing_key[0]} is missing.",
                "name": "Recording",
                "id": one.missing_key[1],
            }
            for one in checked
            if one.missing_key is not None
        ]
        return Looked(len(checked), found, last)


class _DailyChecks:
    kind: WorkKind = CHECK
    name = "daily check"

    def __init__(self, accounts: Accounts) -> None:
        self._checkers: Mapping[CheckKind, Checker] = {"ledger": _Ledger(accounts), "media": _Media()}

    def go_on(self, archive: Archive, worker: str) -> int | None:
        with archive.read() as connection:
            due_at = daily_checks.due_at(connection)
        if due_at is None or due_at > now_ms():
            return due_at
        with archive.write(locked=False) as connection:  # it locks its own row alone
            today = daily_checks.take(connection, worker)
        if today is None:
            return due_at
        self._slice(archive, today)
        _keep(archive, today, worker)
        return now_ms()

    def due_at(self, connection: Connection) -> int | None:
        return daily_checks.due_at(connection)

    def left_until(self, connection: Connection, worker: str) -> int | None:
        return daily_checks.left_until(connection, worker) if daily_checks.is_due(connection) else None

    def give_back(self, archive: Archive, worker: str) -> None:
        with archive.write(locked=False) as connection:
            daily_checks.give_back(connection, worker)

    def _slice(self, archive: Archive, today: Today) -> None:
        """Do one slice of what is left of today."""
        checker = self._checkers[today.kind]
        if today.progress is None:
            with archive.read() as connection:
                totals = checker.totals(connection)
            today.progress = Progress({part: -(-total // DAYS) for part, total in totals.items()})
        progress = today.progress
        part = next((part for part, left in progress.left.items() if left > 0), None)
        if part is None:
            return
        first = today.cursors.get(part, 0)
        looked = checker.look(archive, part, first, progress.left[part])
        today.cursors[part] = looked.next or 0
        if looked.count or looked.next is not None:
            progress.left[part] -= max(looked.count, 1)
        is_all = looked.next is None and (looked.count or not first)
        if is_all:  # from its beginning on it goes tomorrow
            progress.left[part] = 0
        progress.checked += looked.count
        progress.differing += len(looked.found)
        progress.differences = [*progress.differences, *looked.found][:MOST_DIFFERENCES]


def _keep(archive: Archive, today: Today, worker: str) -> None:
    """Keep how far the day is. If it is through, its result is an action of the ledger."""
    progress = today.progress
    if progress is None or any(left > 0 for left in progress.left.values()):
        with archive.write(locked=False) as connection:  # it writes its own row alone
            daily_checks.keep(connection, today, worker)
        return
    found = {
        "checked": progress.checked,
        "differing": progress.differing,
        "differences": progress.differences,
    }
    action = Action("CHECK", "", f"Check {today.kind}", "earwitness", "")
    with archive.write(locked=False) as connection:
        if daily_checks.end(connection, today, progress, worker):
            # Not in the name of what differs: its present state would be taken for the one of this action.
            ledger.append(
                connection, action, [Entry(archive.client_id, "Ledger", {"kind": today.kind, **found})]
            )
    if progress.differing:
        log.error(
            "account %s: the daily check of the %s found %s differences; `earwitness %s %s` names them all",
            archive.client_id,
            today.kind,
            progress.differing,
            "ledger verify" if today.kind == "ledger" else "verify",
            archive.client_id,
        )
