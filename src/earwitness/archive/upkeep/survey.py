"""The state of all accounts: looked at now while there is time, else as the directory keeps it."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from time import monotonic
from typing import Any

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from earwitness.archive.accounts import states
from earwitness.archive.accounts.accounts import Account, Accounts
from earwitness.archive.accounts.opening.unfit import AccountUnavailable, of_error
from earwitness.archive.accounts.states import Refused, State
from earwitness.archive.database.time_limits import Allowance
from earwitness.archive.upkeep.overview import overview_of
from earwitness.kernel.clock import now_ms
from earwitness.kernel.errors import OutOfTime

log = logging.getLogger(__name__)

_NOTHING = State(None, None, None)


@dataclass(frozen=True, slots=True)
class Surveyed:
    """An account, its last overview and when it was taken (ms), and why it is refused, if it is."""

    account: Account
    overview: dict[str, Any] | None
    looked_at: int | None
    refused: Refused | None


def survey(accounts: Accounts, of: Iterable[Account], *, seconds: float | None = None) -> list[Surveyed]:
    """Look into accounts for some `seconds`, or into all. Begin with those that were seen longest ago."""
    there = list(of)
    kept = states.states(accounts.directory)
    until = None if seconds is None else monotonic() + seconds
    found: dict[int, Surveyed] = {}
    for account in sorted(there, key=lambda one: kept.get(one.client_id, _NOTHING).looked_at or 0):
        left = None if until is None else until - monotonic()
        state = kept.get(account.client_id, _NOTHING)
        seen = None if left is not None and left <= 0 else _look(accounts, account, state, left)
        found[account.client_id] = seen or Surveyed(account, state.overview, state.looked_at, state.refused)
    began = {one.account.client_id: one.overview for one in found.values() if _is_new(one, kept)}
    try:
        states.keep_overviews(accounts.directory, {one: seen for one, seen in began.items() if seen})
    except SQLAlchemyError as error:
        log.warning("the overviews of accounts were not kept in the directory: %s", type(error).__name__)
    return [found[account.client_id] for account in there]


def _look(accounts: Accounts, account: Account, state: State, seconds: float | None) -> Surveyed | None:
    """What is in an account now; None if there is not enough time."""
    allowed = None if seconds is None else Allowance(seconds)
    try:
        with accounts.glance(account.client_id, allowed) as connection:
            return Surveyed(account, overview_of(connection), now_ms(), None)
    except OutOfTime:
        return None
    except AccountUnavailable as error:
        refused = Refused(account.client_id, error.reason, error.sentence, _since(state))
    except DBAPIError as error:  # its examination passes, but some table is damaged
        told = AccountUnavailable(account.client_id, of_error(error))
        refused = Refused(account.client_id, told.reason, told.sentence, _since(state))
    return Surveyed(account, state.overview, state.looked_at, refused)


def _since(state: State) -> int:
    return state.refused.refused_at if state.refused else now_ms()


def _is_new(seen: Surveyed, kept: dict[int, State]) -> bool:
    before = kept.get(seen.account.client_id, _NOTHING)
    return seen.refused is None and seen.looked_at != before.looked_at
