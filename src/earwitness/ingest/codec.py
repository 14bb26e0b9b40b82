"""Stating the codec of media without a header, after it was ingested."""

from dataclasses import replace
from typing import Annotated

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, Connection, select, update

from earwitness.archive.jobs import queue
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Action, Entry
from earwitness.archive.ledger.recording_digests import Watched
from earwitness.archive.media.playable import hint_in, with_hint
from earwitness.archive.schema.recordings import recordings
from earwitness.ingest.arrivals import Accepted, Status
from earwitness.kernel.errors import Conflict
from earwitness.kernel.wire import Wire
from earwitness.media.measurement import HeaderlessCodec, Hint

UNDECODABLE = recordings.c.status == "undecodable"


class StatedCodec(Wire):
    """What media without a header is: its codec, and for PCM its sample rate in Hz and its channels."""

    codec: HeaderlessCodec
    sample_rate: Annotated[int, Meta(ge=4000, le=384_000)] | None = None
    channels: Annotated[int, Meta(ge=1, le=64)] | None = None

    @property
    def hint(self) -> Hint:
        return Hint(self.codec, self.sample_rate, self.channels)


def state_codec(
    connection: Connection,
    which: ColumnElement[bool],
    hint: Hint,
    action: Action | int,
    *,
    repeat: bool = True,
) -> list[Accepted]:
    """State the codec of all recordings that meet a condition, and queue their processing. Returns them.

    A codec can be stated for undecodable recordings. One that was stated before can also be corrected,
    because it may have been wrong: nearly any bytes can be decoded as PCM. Raises Conflict for other
    recordings. Without `repeat`, nothing changes for a recording whose stated codec is the same already.
    `action` is that of the ledger, or the id of its header, if several calls are one action.
    """
    columns = (recordings.c.interaction_id, recordings.c.third_party_id, recordings.c.status)
    rows = select(recordings.c.position, recordings.c.metadata, *columns).where(which)
    accepted: list[Accepted] = []
    stated: dict[int, Entry] = {}
    found = connection.execute(rows.order_by(recordings.c.position)).all()
    watched = Watched(connection, [row.position for row in found], "source")
    for row in found:
        before = hint_in(row.metadata)
        if before == hint and not repeat:
            accepted.append(Accepted(row.interaction_id, row.third_party_id, row.status, False))
            continue
        _check_may_be_stated(row.third_party_id, row.status, before)
        connection.execute(
            update(recordings)
            .where(recordings.c.position == row.position)
            .values(metadata=with_hint(row.metadata, hint), status="received")
        )
        queue.add(connection, "process", row.position, f"Its codec was stated: {hint.codec}.")
        stated[row.position] = Entry(row.interaction_id, metadata=_change(hint, before))
        accepted.append(Accepted(row.interaction_id, row.third_party_id, "received", False))
    changed = watched.changed(connection)
    entries = [replace(entry, changed=changed.get(position)) for position, entry in stated.items()]
    if isinstance(action, int):
        ledger.append_under(connection, action, entries)
    else:
        ledger.append(connection, action, entries)
    return accepted


def _check_may_be_stated(third_party_id: str, status: Status, before: Hint | None) -> None:
    if status == "undecodable" or (status == "processed" and before is not None):
        return
    raise Conflict(
        f"Recording {third_party_id} is {status}, not undecodable. A codec can be stated for an undecodable "
        "recording, or to correct one that was stated before.",
        code="not-undecodable",
    )


def _change(hint: Hint, before: Hint | None) -> dict[str, object]:
    """The entry of the ledger for a stated codec."""
    stated = {"codec": hint.codec, "sampleRate": hint.sample_rate, "channels": hint.channels}
    change: dict[str, object] = {name: value for name, value in stated.items() if value is not None}
    return change if before is None else change | {"before": msgspec.to_builtins(before)}
