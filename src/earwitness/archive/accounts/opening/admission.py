"""Lends the databases of accounts, and refuses an account that is unfit; other accounts are not affected.

An account is examined when it is opened, and when its database fails in use. An unfit account is refused with
its cause. The first call after a second examines it again, and after that the pause doubles each time.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import monotonic

from sqlalchemy import Engine, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from earwitness.archive.accounts import states
from earwitness.archive.accounts.opening.engine_pools import Engines
from earwitness.archive.accounts.opening.examination import SECONDS, examine
from earwitness.archive.accounts.opening.unfit import AccountUnavailable, Unfit, of_error, unusable
from earwitness.archive.accounts.states import Refused
from earwitness.archive.database.errors import may_be_of_account
from earwitness.archive.database.time_limits import Allowance
from earwitness.archive.database.transactions import reading
from earwitness.archive.schema import directory as directory_tables
from earwitness.kernel.clock import now_ms
from earwitness.kernel.errors import OutOfTime

log = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0


@dataclass(slots=True)
class _Refusal:
    """Why an account is refused, since when (ms), and when it is examined again, by the monotonic clock."""

    unfit: Unfit
    since: int
    pause: float
    due_at: float
    is_due: bool = False
    """Whether it was due, and is being examined again."""

    def error(self, client_id: int) -> AccountUnavailable:
        return AccountUnavailable(client_id, self.unfit, again_in_seconds=self.due_at - monotonic())


class Admission:
    """Lends the engines of accounts that are fit."""

    def __init__(self, engines: Engines, directory: Engine) -> None:
        self._engines = engines
        self._directory = directory
        self._lock = threading.Lock()
        self._refused: dict[int, _Refusal] = {}

    def check(self, client_id: int) -> None:
        """Raise AccountUnavailable for a refused account; if it is due, examine it again first."""
        if client_id not in self._refused:
            return
        with self._lock:
            refusal = self._refused.get(client_id)
            if refusal is None:
                return
            if refusal.due_at > monotonic():
                raise refusal.error(client_id)
            refusal.due_at, refusal.is_due = monotonic() + refusal.pause, True  # others are refused meanwhile
        self.examine(client_id)

    @contextmanager
    def lent(self, client_id: int, *, keep: bool = True) -> Iterator[Engine]:
        """Lend the engine of an account. Raises AccountUnavailable, also if it fails within the block."""
        self.check(client_id)
        try:
            with self._engines.lent(client_id, keep=keep) as engine:
                yield engine
        except Unfit as unfit:
            raise self._refuse(client_id, unfit) from None
        except DBAPIError as error:
            if may_be_of_account(error):
                self.examine(client_id)
            raise

    def examine(self, client_id: int, allowed: Allowance | None = None) -> None:
        """Examine an account. If it is fit, it is no longer refused; else AccountUnavailable is raised."""
        seconds = min(SECONDS, allowed.seconds) if allowed else SECONDS
        unfit = self._finding(client_id, seconds)
        if unfit is not None:
            raise self._refuse(client_id, unfit)
        with self._lock:
            was_refused = self._refused.pop(client_id, None)
        if was_refused:
            log.warning("account %s is available again", client_id)
            with suppress(SQLAlchemyError):
                states.end_refusal(self._directory, client_id)

    def refused(self) -> dict[int, Refused]:
        """The accounts that this process refuses."""
        with self._lock:
            return {
                client_id: Refused(client_id, one.unfit.reason, one.error(client_id).sentence, one.since)
                for client_id, one in self._refused.items()
            }

    def _finding(self, client_id: int, seconds: float) -> Unfit | None:
        """What is wrong with an account; None if it is fit. Raises an error that concerns all accounts."""
        try:
            with (
                self._engines.lent(client_id, keep=False) as engine,
                reading(engine, Allowance(seconds)) as connection,
            ):
                examine(connection, client_id, self._engines.schema(client_id), self.program_of)
        except Unfit as unfit:
            return unfit
        except OutOfTime:
            # If the caller had little time, or the directory does not answer either, the account may be well.
            if seconds < SECONDS or not self._directory_answers():
                raise
            return unusable(f"its database did not answer within {SECONDS:.0f} seconds")
        except DBAPIError as error:
            if may_be_of_account(error) and self._directory_answers():
                return of_error(error)
            raise
        return None

    def _refuse(self, client_id: int, unfit: Unfit) -> AccountUnavailable:
        with self._lock:
            known = self._refused.get(client_id)
            is_news = known is None or known.unfit.finding != unfit.finding
            refusal = known or _Refusal(unfit, now_ms(), _FIRST_PAUSE_SECONDS, 0, is_due=True)
            if refusal.is_due:
                refusal.due_at, refusal.is_due = monotonic() + refusal.pause, False
                refusal.pause = min(2 * refusal.pause, _LONGEST_PAUSE_SECONDS)
            refusal.unfit = unfit
            self._refused[client_id] = refusal
            error = refusal.error(client_id)
        self._engines.forget(client_id)
        if is_news:
            log.warning("account %s is refused: it %s", client_id, unfit.finding)
            with suppress(SQLAlchemyError):
                states.keep_refusal(self._directory, error, refusal.since)
        return error

    def program_of(self, revision: str) -> str | None:
        """The version of the program that made tables of a revision, where it is known."""
        return states.program_of(self._directory, revision)

    def _directory_answers(self) -> bool:
        """Whether the directory answers: if it does not, the account alone is not the reason."""
        try:
            with reading(self._directory, Allowance(SECONDS)) as connection:
                connection.execute(select(directory_tables.accounts.c.client_id).limit(1)).all()
        except (SQLAlchemyError, OutOfTime):
            return False
        return True
