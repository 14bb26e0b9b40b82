"""The alarm of an account: what was acknowledged and is missing from its database.

It is a file beside the receipts. It ends when the sources send the recordings again, or when an operator
accepts the loss.
"""

import fcntl
import logging
from collections.abc import Sequence, Set

import msgspec
from sqlalchemy import Engine

from earwitness.archive.database.transactions import reading
from earwitness.archive.receipts.missing import batches, missing_among
from earwitness.archive.receipts.written import Receipt, Receipts, receipts_of
from earwitness.kernel.settings import Settings
from earwitness.media.stores.durable import write_file

log = logging.getLogger(__name__)

_MISSING, _ACCEPTED = "missing", "accepted"
_NAMED_IN_LOG = 100
_decode = msgspec.json.Decoder(list[Receipt]).decode


def alarm(receipts: Receipts) -> list[Receipt]:
    """What is known to be missing, oldest first."""
    return _listed(receipts, _MISSING)


def count_missing(settings: Settings, client_id: int) -> int:
    """How much of an account is known to be missing, as this machine knows. No database is asked."""
    return len(alarm(receipts_of(settings, client_id)))


def settle(engine: Engine, receipts: Receipts, third_party_ids: set[str] | None = None) -> list[Receipt]:
    """Remove from the alarm what is in the database by now, of these or of all. Returns what is left."""
    if not (known := alarm(receipts)):
        return []
    asked = [one for one in known if third_party_ids is None or one.third_party_id in third_party_ids]
    still: list[Receipt] = []
    for some in batches(asked):
        with reading(engine) as connection:
            still += missing_among(connection, some)
    return change(receipts, without=set(asked) - set(still))


def accept(receipts: Receipts) -> list[Receipt]:
    """End the alarm for good, because an operator accepts the loss. Returns what was missing."""
    if not (missing := alarm(receipts)):
        return []
    with receipts.locked(fcntl.LOCK_EX):
        accepted = [*_listed(receipts, _ACCEPTED), *missing]
        write_file(receipts.folder / _ACCEPTED, msgspec.json.encode(accepted))
    change(receipts, without=set(missing))
    return missing


def raise_alarm(client_id: int, receipts: Receipts, missing: Sequence[Receipt]) -> None:
    """Add to the alarm what is missing, unless it is known or was accepted, and log it."""
    known = {*alarm(receipts), *_listed(receipts, _ACCEPTED)}
    new = [one for one in missing if one not in known]
    if not new:
        return
    change(receipts, also=new)
    named = ", ".join(str(one.interaction_id) for one in new[:_NAMED_IN_LOG])
    more = f" and {len(new) - _NAMED_IN_LOG} more" if len(new) > _NAMED_IN_LOG else ""
    log.error(
        "account %s: the database lacks %s that were acknowledged, of interactionId %s%s. Their sources have "
        "to send them again: `earwitness verify %s` names their thirdPartyIds",
        client_id,
        len(new),
        named,
        more,
        client_id,
    )


def change(
    receipts: Receipts, also: Sequence[Receipt] = (), without: Set[Receipt] = frozenset()
) -> list[Receipt]:
    """Add to the alarm, or take away from it. Returns what is left. A damaged file is replaced."""
    with receipts.locked(fcntl.LOCK_EX):
        left = [one for one in dict.fromkeys([*alarm(receipts), *also]) if one not in without]
        path = receipts.folder / _MISSING
        if left:
            write_file(path, msgspec.json.encode(left))
        else:
            path.unlink(missing_ok=True)
    return left


def _listed(receipts: Receipts, name: str) -> list[Receipt]:
    try:
        return _decode((receipts.folder / name).read_bytes())
    except FileNotFoundError:
        return []
    except (OSError, msgspec.DecodeError):
        log.error("%s is damaged: `earwitness verify` compares all receipts anew", receipts.folder / name)
        return []
