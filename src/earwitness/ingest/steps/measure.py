"""The step that decodes the media: it measures duration and waveform, and makes the mp3 rendition."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    bindparam,
    case,
    delete,
    exists,
    or_,
    select,
    update,
)

from earwitness.archive.database.bulk_insert import insert_many
from earwitness.archive.media.playable import MediaObject
from earwitness.archive.recordings.incomplete import UNDECODABLE
from earwitness.archive.schema.people import account
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.vault import media_objects, waveforms
from earwitness.ingest.original_media import add_media_object
from earwitness.ingest.steps.context import NO_ENGINE, StepContext
from earwitness.media.decoder.decoder import DecoderFailed, Undecodable
from earwitness.media.decoder.decoder import process as decode
from earwitness.media.flow import Bytes, Sink
from earwitness.media.measurement import Measurement
from earwitness.media.stores.free_space import STEP_BYTES, check_space
from earwitness.media.vault import Sealed

LARGEST_MP3_BYTES = 4 << 30
"""More than the mp3 of two days, the longest sound that is decoded. A decoder in other hands may write on."""


class BoundedSink:
    """Writes at most so many bytes. Raises DecoderFailed for more.

    It calls `check_space` before the first byte and after each `step_bytes`, which raises if the disk has too
    little room.
    """

    def __init__(
        self,
        sink: Sink,
        check_space: Callable[[], None] = lambda: None,
        *,
        most_bytes: int = LARGEST_MP3_BYTES,
        step_bytes: int = STEP_BYTES,
    ) -> None:
        self._sink = sink
        self._check_space = check_space
        self._most_bytes = most_bytes
        self._step_bytes = step_bytes
        self._written = self._look_again_at = 0

    def write(self, data: Bytes, /) -> None:
        if self._written >= self._look_again_at:
            self._check_space()
            self._look_again_at = self._written + self._step_bytes
        self._written += len(data)
        if self._written > self._most_bytes:
            raise DecoderFailed("Decoding ended early: it wrote more than any mp3 has.")
        self._sink.write(data)


def measure(context: StepContext) -> None:
    """Decode the original once. Media that cannot be decoded is marked, and stays playable as `raw`."""
    raw = context.playable.raw
    if raw is None:
        return
    try:
        measurement, mp3 = _decode(context, raw)
    except Undecodable:
        context.notes.append(f"Not decoded: {UNDECODABLE}.")
        context.changes.append(lambda connection: _mark_undecodable(connection, context.position))
        return
    if measurement.not_decoded:
        context.notes.append(f"Not decoded: {measurement.not_decoded}.")
    if not context.playable.has_sender_times:  # else the source has said when it ended
        context.parts += ["source", "retention"]
    context.changes.append(lambda connection: _write(connection, context, measurement, mp3))


def fits(_: Connection) -> list[ColumnElement[bool]]:
    """The conditions on recordings that can be measured again."""
    return [recordings.c.has_media]


def _decode(context: StepContext, raw: MediaObject) -> tuple[Measurement, Sealed | None]:
    check_space(context.settings)  # before long work that would be in vain
    vault = context.archive.vault
    key = context.playable.key(vault)
    upload = context.cleanup.enter_context(vault.new(key, "mp3"))
    with vault.open(raw.name, key, "raw") as source:
        mp3 = BoundedSink(upload, partial(check_space, context.settings))
        watched = context.watched(source)
        measurement = decode(watched, context.limits, mp3=mp3, hint=context.playable.hint)
    if measurement.audio is None:
        return measurement, None
    context.uploads.append(upload)
    return measurement, upload.finish()


def _mark_undecodable(connection: Connection, position: int) -> None:
    connection.execute(
        update(recordings).where(recordings.c.position == position).values(status="undecodable")
    )


def _write(
    connection: Connection, context: StepContext, measurement: Measurement, mp3: Sealed | None
) -> None:
    position = context.position
    measured = {
        "at": position,
        "length": measurement.duration_ms,
        "found": msgspec.to_builtins(replace(measurement, peaks=None, channel_peaks=None)),
    }
    row = connection.execute(_MEASURED, measured).one()
    context.has_engine = row.transcription != NO_ENGINE
    if row.is_measured_again:
        _remove_earlier(connection, context)
    if measurement.peaks is not None:
        peaks = {"position": position, "peaks": measurement.peaks, "channels": measurement.channel_peaks}
        insert_many(connection, waveforms, [peaks])
    if mp3 is not None:
        add_media_object(connection, position, "mp3", mp3)


def _remove_earlier(connection: Connection, context: StepContext) -> None:
    """Remove what the earlier decoding made: the waveform, and all renditions."""
    connection.execute(delete(waveforms).where(waveforms.c.position == context.position))
    renditions = delete(media_objects).where(*_RENDITIONS).returning(media_objects.c.name)
    context.replaced_objects += connection.scalars(renditions, {"at": context.position})


_AT: BindParameter[int] = bindparam("at", type_=BigInteger)
_RENDITIONS = (media_objects.c.position == _AT, media_objects.c.kind != "raw")

_LENGTH: BindParameter[int] = bindparam("length", type_=BigInteger)
_END = recordings.c.started_at + _LENGTH


def _unless_sent(column: ColumnElement[Any], measured: ColumnElement[Any]) -> ColumnElement[Any]:
    return case((recordings.c.has_sender_times, column), else_=measured)


_MEASURED = (
    update(recordings)
    .where(recordings.c.position == _AT)
    .values(
        {
            recordings.c.status: "processed",
            recordings.c.measurement: bindparam("found"),
            recordings.c.duration_ms: _unless_sent(recordings.c.duration_ms, _LENGTH),
            recordings.c.ended_at: _unless_sent(recordings.c.ended_at, _END),
            # For as many days as before, from the new end on.
            recordings.c.retain_until: _unless_sent(
                recordings.c.retain_until, recordings.c.retain_until + (_END - recordings.c.ended_at)
            ),
        }
    )
    .returning(
        select(account.c.transcription).scalar_subquery().label("transcription"),
        # By the parameter: on SQLite SQLAlchemy writes the columns of RETURNING without their table.
        or_(exists().where(waveforms.c.position == _AT), exists().where(*_RENDITIONS)).label(
            "is_measured_again"
        ),
    )
)
"""Makes a measurement that of a recording. It says what follows from it, in the same statement."""
