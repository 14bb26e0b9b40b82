"""Why an account, or the directory of accounts, cannot be used: in words for its operator.

A sentence never holds what is in an account: it is made of our words, of names of tables and files, and of
what a database says of a schema, a file or a connection.
"""

from typing import Literal

from sqlalchemy.exc import DBAPIError

from earwitness.kernel.errors import Unavailable
from earwitness.kernel.version import program_version

Reason = Literal["older-tables", "newer-tables", "unusable"]
"""Tables of an older program, of a newer one, or what only a repair or a restored backup mends."""

_OF_DATABASE_AS_SUCH = {"53", "55", "57", "40", "22", "23"}
"""PostgreSQL's classes of errors that say nothing about a schema: no room, a lock, a shutdown, values."""

_OF_FILE = {
    "SQLITE_AUTH",
    "SQLITE_CANTOPEN",
    "SQLITE_CORRUPT",
    "SQLITE_ERROR",
    "SQLITE_IOERR",
    "SQLITE_NOTADB",
    "SQLITE_PERM",
    "SQLITE_PROTOCOL",
    "SQLITE_READONLY",
    "SQLITE_SCHEMA",
}


class Unfit(Exception):
    """What is wrong. `finding` completes a sentence that begins with the account."""

    def __init__(self, reason: Reason, finding: str) -> None:
        super().__init__(finding)
        self.reason: Reason = reason
        self.finding = finding


class AccountUnavailable(Unavailable):
    """Account unavailable."""

    default_code = "account-unavailable"
    is_told = True
    """By who refused the account, when that began."""

    def __init__(self, client_id: int, unfit: Unfit, *, again_in_seconds: float = 1.0) -> None:
        """Its users are told that it is not available; `sentence` is for its operator."""
        super().__init__(
            "The account is not available at the moment; its operator can see why. Try again later.",
            headers={"Retry-After": str(max(1, round(again_in_seconds)))},
        )
        self.client_id = client_id
        self.reason = unfit.reason
        self.sentence = f"Account {client_id} {unfit.finding}."


class DirectoryUnavailable(Unavailable):
    """Directory of accounts unavailable."""

    default_code = "directory-unavailable"

    def __init__(self, unfit: Unfit) -> None:
        super().__init__(f"The directory of accounts {unfit.finding}.")


class PostgresTooOld(Unavailable):
    """PostgreSQL is too old."""

    default_code = "postgresql-too-old"


def of_older_tables() -> Unfit:
    return Unfit("older-tables", "has older tables: run `earwitness db upgrade` first")


def of_newer_tables(revision: str, needed: str | None) -> Unfit:
    """`needed` is the version of the program that made them, where it is known."""
    install = (
        f"version {needed} or a newer one" if needed else "the version that upgraded them, or a newer one"
    )
    than = f"version {program_version()} of this program"
    return Unfit("newer-tables", f"has newer tables ({revision}) than {than} knows: install {install}")


def unusable(what: str) -> Unfit:
    """`what` is wrong, in words."""
    return Unfit("unusable", f"cannot be used: {what}. Repair it, or restore it from a backup")


def of_error(error: DBAPIError) -> Unfit:
    return unusable(f"its database says: {_words_of(error)}")


def may_be_of_account(error: DBAPIError) -> bool:
    """Whether an error can be an account's own; else it is the whole database's, or what was asked of it."""
    cause = error.orig
    if state := getattr(cause, "sqlstate", None):
        return not error.connection_invalidated and state[:2] not in _OF_DATABASE_AS_SUCH
    name = getattr(cause, "sqlite_errorname", "")
    return any(name == one or name.startswith(f"{one}_") for one in _OF_FILE)


def _words_of(error: DBAPIError) -> str:
    """What a database said, and its code for it."""
    cause = error.orig
    diagnosis = getattr(cause, "diag", None)
    words = getattr(diagnosis, "message_primary", None) or str(cause).partition("\n")[0]
    code = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None)
    return f"{words} ({code})" if code else words
