"""The kinds of jobs of an account, one row for each: work on many recordings, a batch at a time.

To add a kind, add its name to `AccountJobKind`, its row here, and what it does to `ACCOUNT_WORK` in
`archive/upkeep/account_work.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

AccountJobKind = Literal["retention", "selection", "emptying", "leaving", "index", "folding"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountJobKindRow:
    """What the program knows about a kind of job of an account. `docs/jobs.md` has the same texts."""

    does: str
    queued: str
    """When a job of this kind is queued."""
    keeps_order: bool = False
    """Whether those behind a job that failed for good wait until it is tried again, and is through."""


ACCOUNT_JOB_KINDS: Mapping[AccountJobKind, AccountJobKindRow] = {
    "retention": AccountJobKindRow(
        does="sets `retainUntil` and `retentionGroupId` of recordings as the rules of retention are now",
        queued="when a change of the rules concerns more than 200 recordings",
    ),
    "selection": AccountJobKindRow(
        does="puts recordings into a legal hold or playlist, takes them out, or changes their tags",
        queued="when such a change concerns more than 1,000 recordings, or fewer and more than 4,000 of "
        "their tags, or has to wait for another one",
        keeps_order=True,  # one may undo what another did
    ),
    "emptying": AccountJobKindRow(
        does="removes the recordings of a legal hold or playlist that has ended from its list, and notes "
        "each in the ledger",
        queued="when a hold or playlist of more than 1,000 recordings ends",
    ),
    "leaving": AccountJobKindRow(
        does="takes people out of a retention group that was deleted",
        queued="when a retention group of more than 10,000 people is deleted",
    ),
    "index": AccountJobKindRow(
        does="queues an `index` job for each recording of a person or a tag",
        queued="when a person or a tag of more than 2,000 recordings is renamed",
    ),
    "folding": AccountJobKindRow(
        does="folds the texts of a person's endpoints, by which they are found, with the new name of the "
        "person",
        queued="when a person with more than 500 endpoints is renamed, or is given other ones",
    ),
}

if set(ACCOUNT_JOB_KINDS) != set(get_args(AccountJobKind)):
    raise TypeError("ACCOUNT_JOB_KINDS needs one row for each name in AccountJobKind.")
