"""The state of each account, kept in the directory: an overview and its age, and why it is refused.

Servers and workers write it in passing, so that `status` need not open a thousand accounts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, select

from earwitness.archive.accounts.opening.unfit import AccountUnavailable
from earwitness.archive.database.transactions import reading, writing
from earwitness.archive.schema.dialects import insert_into
from earwitness.archive.schema.directory import account_states, table_revisions
from earwitness.kernel.clock import now_ms
from earwitness.kernel.version import program_version

_NAMES = ("endpointsLost", "usersThatLookAlike")
"""The parts of an overview that name people: they are not kept outside the account."""

_NOT_REFUSED: dict[str, Any] = {"reason": None, "sentence": None, "refused_at": None}


@dataclass(frozen=True, slots=True)
class Refused:
    """An account that is not available: since when (ms), and why, as a `reason` to sort by and a sentence."""

    client_id: int
    reason: str
    sentence: str
    refused_at: int


@dataclass(frozen=True, slots=True)
class State:
    """The last overview of an account and its time, and whether the account was refused after that."""

    overview: dict[str, Any] | None
    looked_at: int | None
    refused: Refused | None


def keep_overviews(directory: Engine, overviews: Mapping[int, dict[str, Any]]) -> None:
    """Keep overviews that were just taken: their accounts are available. Names of people are left out."""
    seen: dict[str, Any] = {"looked_at": now_ms()} | _NOT_REFUSED
    rows = [
        {"client_id": client_id, "overview": overview | dict.fromkeys(_NAMES)} | seen
        for client_id, overview in overviews.items()
    ]
    if rows:
        _put(directory, rows)


def keep_refusal(directory: Engine, error: AccountUnavailable, refused_at: int) -> None:
    told = {"reason": error.reason, "sentence": error.sentence, "refused_at": refused_at}
    _put(directory, [{"client_id": error.client_id} | told])


def end_refusal(directory: Engine, client_id: int) -> None:
    _put(directory, [{"client_id": client_id} | _NOT_REFUSED])


def states(directory: Engine) -> dict[int, State]:
    """All states that are kept, by client id."""
    with reading(directory) as connection:
        rows = connection.execute(select(account_states)).all()
    return {
        row.client_id: State(
            row.overview,
            row.looked_at,
            Refused(row.client_id, row.reason, row.sentence, row.refused_at) if row.reason else None,
        )
        for row in rows
    }


def looked_at(directory: Engine, client_id: int) -> int | None:
    """When the overview that is kept of an account was taken."""
    kept = account_states.c
    with reading(directory) as connection:
        return connection.scalar(select(kept.looked_at).where(kept.client_id == client_id))


def forked_ledgers(directory: Engine) -> list[int]:
    """The accounts whose ledger was found to have forked, by client id."""
    kept = account_states.c
    has_forked = kept.overview[("ledger", "forkedAt")].as_string().is_not(None)
    with reading(directory) as connection:
        return list(connection.scalars(select(kept.client_id).where(has_forked).order_by(kept.client_id)))


def differing(directory: Engine) -> int:
    """How many differences and damages the last daily checks of all accounts found."""
    with reading(directory) as connection:
        overviews = connection.scalars(select(account_states.c.overview)).all()
    ledgers = [(one or {}).get("ledger") or {} for one in overviews]
    return sum(check["differing"] for one in ledgers for check in one.get("checks", {}).values())


def refusals(directory: Engine) -> list[Refused]:
    """The accounts that a server or worker found unavailable when it last looked, by client id."""
    kept = account_states.c
    rows = select(kept.client_id, kept.reason, kept.sentence, kept.refused_at)
    with reading(directory) as connection:
        found = connection.execute(rows.where(kept.reason.is_not(None)).order_by(kept.client_id))
        return [Refused(*row) for row in found]


def note_program(directory: Engine, *revisions: str) -> None:
    """Note that this program has tables of these revisions, unless an older program is noted for them."""
    with writing(directory) as connection:
        noted = insert_into(table_revisions, connection.dialect.name).on_conflict_do_nothing()
        rows = [{"revision": revision, "program": program_version()} for revision in revisions]
        connection.execute(noted, rows)


def program_of(directory: Engine, revision: str) -> str | None:
    """The version of the program that made tables of a revision, where it is known."""
    known = table_revisions.c
    with reading(directory) as connection:
        return connection.scalar(select(known.program).where(known.revision == revision))


def _put(directory: Engine, rows: list[dict[str, Any]]) -> None:
    with writing(directory) as connection:
        added = insert_into(account_states, connection.dialect.name)
        new = {column: added.excluded[column] for column in rows[0] if column != "client_id"}
        connection.execute(added.on_conflict_do_update(index_elements=["client_id"], set_=new), rows)
