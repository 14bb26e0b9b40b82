"""Counts failed sign-ins by the address that they come from, for all processes together.

They are not counted by user name: then anybody who knows a name could lock its user out.
"""

import ipaddress

from sqlalchemy import Connection, delete, func, insert, select, text

from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.database.transactions import reading, writing
from earwitness.archive.schema.directory import sign_in_failures
from earwitness.kernel.clock import now_ms
from earwitness.kernel.errors import TooManyRequests

MOST_FAILURES = 10
WINDOW_MS = 15 * 60_000

MOST_KEPT = 100_000
"""How many failures are kept. More can only come from thousands of addresses; the oldest are deleted."""
_FORGOTTEN_AT_ONCE = 100
_NETWORK_BITS = 64
"""The part of an IPv6 address that counts: a provider gives each customer at least a /64 network."""

_failures = sign_in_failures.c


def check_failures(accounts: Accounts, address: str) -> None:
    """Raise TooManyRequests (429, `Retry-After` in seconds) if too many failures came from this address."""
    with reading(accounts.directory) as connection:
        _check(connection, _subject(address), now_ms())


def count_failure(accounts: Accounts, address: str) -> None:
    """Count a failure. Raises TooManyRequests like `check_failures`: parallel guesses are counted in turn."""
    now = now_ms()
    subject = _subject(address)
    with writing(accounts.directory) as connection:
        _one_at_a_time(connection)
        _check(connection, subject, now)
        connection.execute(insert(sign_in_failures).values(subject=subject, failed_at=now))
        _forget(connection, now)


def _subject(address: str) -> str:
    """What counts as one source: an IPv4 address, or an IPv6 network."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return "address:"
    if isinstance(known, ipaddress.IPv4Address):
        return f"address:{known}"
    mapped = known.ipv4_mapped
    return f"address:{mapped or ipaddress.ip_network((int(known), _NETWORK_BITS), strict=False)}"


def _check(connection: Connection, subject: str, now: int) -> None:
    newest = (
        select(_failures.failed_at)
        .where(_failures.subject == subject, _failures.failed_at > now - WINDOW_MS)
        .order_by(_failures.failed_at.desc())
        .limit(MOST_FAILURES)
        .subquery()
    )
    count, oldest = connection.execute(select(func.count(), func.min(newest.c.failed_at))).one()
    if count >= MOST_FAILURES:
        raise _too_many(oldest + WINDOW_MS - now)


def _forget(connection: Connection, now: int) -> None:
    """Delete failures that no longer count, oldest first: a few at once, but more than are added."""
    first = connection.scalar(select(func.min(_failures.id)))
    last = connection.scalar(select(func.max(_failures.id)))  # in one statement, SQLite would read all rows
    is_over = (_failures.failed_at <= now - WINDOW_MS) | (_failures.id <= last - MOST_KEPT)
    oldest = _failures.id < first + _FORGOTTEN_AT_ONCE
    connection.execute(delete(sign_in_failures).where(oldest, is_over))


def _too_many(wait_ms: int) -> TooManyRequests:
    return TooManyRequests(
        "Too many failed sign-ins; wait before the next attempt.",
        headers={"Retry-After": str(max(1, -(-wait_ms // 1000)))},
    )


def _one_at_a_time(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":  # SQLite has one writer at a time anyway
        connection.execute(text("LOCK TABLE sign_in_failures IN SHARE ROW EXCLUSIVE MODE"))
