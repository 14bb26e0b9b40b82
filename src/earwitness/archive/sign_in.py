"""Counting failures to sign in, for user names and addresses alike, shared by all processes."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, func, insert, select, text

from earwitness.archive.accounts import Accounts
from earwitness.archive.databases import reading, writing
from earwitness.archive.schema.directory import sign_in_failures
from earwitness.kernel.clock import now_ms
from earwitness.kernel.errors import TooManyRequests

MOST_FAILURES = 10
WINDOW_MS = 15 * 60_000


def check_failures(accounts: Accounts, subjects: Sequence[str]) -> None:
    """Ask this even of those whose secret is right: what was guessed at too often stays closed.

    Raises TooManyRequests (429, `Retry-After` in seconds) once one of the subjects has failed too often.
    """
    with reading(accounts.directory) as connection:
        _check(connection, subjects, now_ms())


def count_failure(accounts: Accounts, subjects: Sequence[str]) -> None:
    """Count a failure. Raises TooManyRequests as above: parallel guesses are counted one by one."""
    now = now_ms()
    with writing(accounts.directory) as connection:
        _one_at_a_time(connection)
        connection.execute(delete(sign_in_failures).where(sign_in_failures.c.failed_at <= now - WINDOW_MS))
        _check(connection, subjects, now)
        connection.execute(
            insert(sign_in_failures), [{"subject": subject, "failed_at": now} for subject in subjects]
        )


def _check(connection: Connection, subjects: Sequence[str], now: int) -> None:
    failures = sign_in_failures.c
    for subject in subjects:
        newest = (
            select(failures.failed_at)
            .where(failures.subject == subject, failures.failed_at > now - WINDOW_MS)
            .order_by(failures.failed_at.desc())
            .limit(MOST_FAILURES)
            .subquery()
        )
        count, oldest = connection.execute(select(func.count(), func.min(newest.c.failed_at))).one()
        if count >= MOST_FAILURES:
            raise _too_many(oldest + WINDOW_MS - now)


def _too_many(wait_ms: int) -> TooManyRequests:
    return TooManyRequests(
        "Too many failed sign-ins; wait before the next attempt.",
        headers={"Retry-After": str(max(1, -(-wait_ms // 1000)))},
    )


def _one_at_a_time(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":  # on SQLite, writers are one at a time already
        connection.execute(text("LOCK TABLE sign_in_failures IN SHARE ROW EXCLUSIVE MODE"))
