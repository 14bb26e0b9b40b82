"""Acknowledging what a transaction adds: the receipt is written after the commit, before the answer is sent.

    ingest:  `note` in the transaction → commit → `give` → the answer is sent
    opening: `compare` → what is missing becomes an alarm

No id is given twice: where the database lost its last recordings, the next id lies beyond all that were
acknowledged (`stay_ahead`).
"""

import logging
from collections.abc import Sequence

from sqlalchemy import Connection, Engine

from earwitness.archive.receipts.alarm import alarm, settle
from earwitness.archive.receipts.compare import compare, is_on_disk, why
from earwitness.archive.receipts.written import Part, Receipt, Receipts
from earwitness.kernel.clock import now_ms

log = logging.getLogger(__name__)

_NOTED = "earwitness_receipts"


def note(connection: Connection, part: Part, named: Sequence[tuple[int, str]]) -> None:
    """Note what this transaction adds, by interactionId and thirdPartyId, for a receipt after the commit."""
    now = now_ms()
    noted: list[Receipt] = connection.info.setdefault(_NOTED, [])
    noted += [Receipt(interaction_id, name, part, now) for interaction_id, name in named]


def take_noted(connection: Connection) -> list[Receipt]:
    """Take out what was noted in this transaction, or in an earlier one that rolled back."""
    noted: list[Receipt] = connection.info.pop(_NOTED, [])
    return noted


def give(engine: Engine, client_id: int, receipts: Receipts, given: Sequence[Receipt]) -> None:
    """Write receipts for what is committed, and end the alarm for it, if there was one. Raises nothing."""
    if not given:
        return
    try:
        is_long = receipts.add(given)
        if is_long:
            receipts.turn_over(lambda: is_on_disk(engine))
        if receipts.is_ahead:
            receipts.is_ahead = False
            compare(engine, client_id, receipts, whole=True)
        if alarm(receipts):
            settle(engine, receipts, {one.third_party_id for one in given})
    except Exception as error:  # the recordings are committed, so they are acknowledged nevertheless
        log.error(
            "account %s: receipts cannot be written, so a loss of what comes now would not be noticed: %s",
            client_id,
            why(error),
        )
