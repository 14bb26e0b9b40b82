"""The legal holds that keep recordings, as every list of them shows them."""

from collections.abc import Mapping

import msgspec
from sqlalchemy import select

from earwitness.archive.database.json_columns import as_array, as_object
from earwitness.archive.schema.recordings import legal_hold_recordings, legal_holds, recordings
from earwitness.kernel.wire import Wire


class LegalHold(Wire):
    """A hold that keeps a recording."""

    id: int
    name: str


_HOLDS = (
    select(legal_holds.c.id, legal_holds.c.name)
    .join(legal_hold_recordings, legal_holds.c.id == legal_hold_recordings.c.legal_hold_id)
    .where(legal_hold_recordings.c.position == recordings.c.position, legal_holds.c.ended_at.is_(None))
    .order_by(legal_holds.c.id)
    .correlate(recordings)
    .subquery("holds")
    .c
)

LEGAL_HOLDS = as_array(as_object(LegalHold, id=_HOLDS.id, name=_HOLDS.name))
"""The holds on a row of `recordings` that have not ended, oldest first: `LegalHold`s in JSON."""


def with_others(shown: str | bytes, others: Mapping[int, LegalHold | None]) -> str:
    """Such a list with other holds, by their ids, and without those that are None."""
    listed = {one.id: one for one in msgspec.json.decode(shown, type=list[LegalHold])}
    held = [one for _, one in sorted({**listed, **others}.items()) if one is not None]
    return msgspec.json.encode(held).decode()
