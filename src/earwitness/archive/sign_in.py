"""Counting failures to sign in, for user names and addresses alike, shared by all processes."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, func, insert, select, text

from earwitness.archive.accounts import Accounts
from earwitness.archive.databases import writing
from earwitness.archive.schema.directory import sign_in_failures
from earwitness.kernel.clock import now_ms
from earwitness.kernel.errors import TooManyRequests

MOST_FAILURES = 10
WINDOW_MS = 15 * 60_000


def begin_attempt(accounts: Accounts, subjects: Sequence[str]) -> None:
    """Count an attempt as failed before its secret is looked at, so that parallel guesses count too.

    Raises TooManyRequests (429, `Retry-After` in seconds) once one of the subjects has failed too often.
    """
    now = now_ms()
    failures = sign_in_failures.c
    with writing(accounts.directory) as connection:
        _one_at_a_time(connection)
        connection.execute(delete(sign_in_failures).where(failures.failed_at <= now - WINDOW_MS))
        for subject in subjects:
            newest = (
                select(failures.failed_at)
                .where(failures.subject == subject)
                .order_by(failures.failed_at.desc())
                .limit(MOST_FAILURES)
                .subquery()
            )
            count, oldest = connection.execute(select(func.count(), func.min(newest.c.failed_at))).one()
            if count >= MOST_FAILURES:
                raise _too_many(oldest + WINDOW_MS - now)
        connection.execute(
            insert(sign_in_failures), [{"subject": subject, "failed_at": now} for subject in subjects]
        )


def attempt_succeeded(accounts: Accounts, subjects: Sequence[str]) -> None:
    """Take back the attempt that was counted: one of each subject, the newest."""
    failures = sign_in_failures.c
    with writing(accounts.directory) as connection:
        for subject in subjects:
            newest = select(func.max(failures.id)).where(failures.subject == subject).scalar_subquery()
            connection.execute(delete(sign_in_failures).where(failures.id == newest))


def _too_many(wait_ms: int) -> TooManyRequests:
    return TooManyRequests(
        "Too many failures to sign in; wait before the next attempt.",
        headers={"Retry-After": str(max(1, -(-wait_ms // 1000)))},
    )


def _one_at_a_time(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":  # on SQLite, writers are one at a time already
        connection.execute(text("LOCK TABLE sign_in_failures IN SHARE ROW EXCLUSIVE MODE"))
