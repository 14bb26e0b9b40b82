"""Why an account, or the directory of accounts, cannot be used: in words for its operator.

A sentence holds nothing of what is in an account: only our words, names of tables and files, and what a
database says about a schema, a file or a connection (see `words_of`).
"""

from typing import Literal

from sqlalchemy.exc import DBAPIError

from earwitness.archive.database.errors import words_of
from earwitness.kernel.errors import OutOfTime, Unavailable
from earwitness.kernel.version import program_version

Reason = Literal["older-tables", "newer-tables", "unusable"]
"""Tables of an older program, tables of a newer one, or damage that needs a repair or a backup."""


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
    """The account's refusal was logged when it began, so that no call logs it again."""

    def __init__(self, client_id: int, unfit: Unfit, *, again_in_seconds: float = 1.0) -> None:
        """Users are told only that the account is not available; `sentence` tells its operator why."""
        super().__init__(
            "The account is not available at the moment; its operator can see why. Try again later.",
            headers={"Retry-After": str(max(1, round(again_in_seconds)))},
        )
        self.client_id = client_id
        self.reason = unfit.reason
        self.sentence = f"Account {client_id} {unfit.finding}."


UNKNOWN_WHETHER_COMMITTED = (DBAPIError, AccountUnavailable, OutOfTime)
"""What a write raises that may be committed: its connection failed, or its account was found unfit then."""


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
    return unusable(f"its database says: {words_of(error)}")
