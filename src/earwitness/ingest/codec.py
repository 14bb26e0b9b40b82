"""The codec of media without a header, stated after it came: nobody could tell, and now somebody does."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, Connection, select, update

from earwitness.archive.database.timeline import lock_account
from earwitness.archive.jobs import queue
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Action, Entry
from earwitness.archive.media.playable import hint_in, with_hint
from earwitness.archive.schema.recordings import recordings
from earwitness.ingest.accept import Accepted
from earwitness.kernel.errors import Conflict, NotFound
from earwitness.kernel.wire import Wire
from earwitness.media.measurement import HeaderlessCodec, Hint


class StatedCodec(Wire):
    """What media without a header is: its codec, and for PCM its sample rate in Hz and its channels."""

    codec: HeaderlessCodec
    sample_rate: Annotated[int, Meta(ge=4000, le=384_000)] | None = None
    channels: Annotated[int, Meta(ge=1, le=64)] | None = None

    @property
    def hint(self) -> Hint:
        return Hint(self.codec, self.sample_rate, self.channels)


def state_codec(connection: Connection, third_party_id: str, hint: Hint, action: Action) -> Accepted:
    """Have a recording processed anew, by what its media is now said to be.

    It could not be decoded, or was by a codec that was stated: that may have been wrong, and nearly any bytes
    can be taken for PCM. The same again changes nothing. Raises NotFound, and Conflict for other recordings.
    """
    lock_account(connection)
    row = _find(connection, recordings.c.third_party_id == third_party_id)
    if row is None:
        raise NotFound(f"There is no recording {third_party_id}.")
    if hint_in(row.metadata) == hint:
        return Accepted(row.interaction_id, row.third_party_id, row.status, False)
    if not _may_be_stated(row):
        raise Conflict(
            f"The codec of {third_party_id} cannot be stated: only that of an undecodable recording can, or "
            f"of one whose codec was stated before, and it is {row.status}.",
            code="not-undecodable",
        )
    _state(connection, [row], hint, action)
    return Accepted(row.interaction_id, row.third_party_id, "received", False)


def state_codec_of(
    connection: Connection, interaction_id: int | None, hint: Hint, action: Action
) -> Sequence[int]:
    """The same of one recording, or of all that could not be decoded; answers interactionIds.

    Raises NotFound, and Conflict where the one is not undecodable.
    """
    lock_account(connection)
    if interaction_id is not None:
        row = _find(connection, recordings.c.interaction_id == interaction_id)
        if row is None:
            raise NotFound(f"There is no recording {interaction_id}.")
        if not _may_be_stated(row):
            raise Conflict(
                f"Recording {interaction_id} is {row.status}, not undecodable.", code="not-undecodable"
            )
        rows: Sequence[Any] = [row]
    else:
        undecodable = recordings.c.status == "undecodable"
        rows = connection.execute(_ROWS.where(undecodable).order_by(recordings.c.position)).all()
    _state(connection, rows, hint, action)
    return [row.interaction_id for row in rows]


def _may_be_stated(row: Any) -> bool:
    was_stated = row.status == "processed" and hint_in(row.metadata) is not None
    return was_stated or row.status == "undecodable"


def _state(connection: Connection, rows: Sequence[Any], hint: Hint, action: Action) -> None:
    stated = {"codec": hint.codec, "sampleRate": hint.sample_rate, "channels": hint.channels}
    entries = []
    for row in rows:
        connection.execute(
            update(recordings)
            .where(recordings.c.position == row.position)
            .values(metadata=with_hint(row.metadata, hint), status="received")
        )
        queue.add(connection, "process", row.position, f"Its codec was stated: {hint.codec}.")
        before = hint_in(row.metadata)
        told: dict[str, object] = {name: value for name, value in stated.items() if value is not None}
        if before is not None:
            told["before"] = msgspec.to_builtins(before)
        entries.append(Entry(row.interaction_id, metadata=told))
    ledger.append(connection, action, entries)


def _find(connection: Connection, which: ColumnElement[bool]) -> Any:
    return connection.execute(_ROWS.where(which)).one_or_none()


_ROWS = select(
    recordings.c.position,
    recordings.c.interaction_id,
    recordings.c.third_party_id,
    recordings.c.status,
    recordings.c.metadata,
)
