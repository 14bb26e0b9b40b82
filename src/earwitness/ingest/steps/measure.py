"""The step that decodes the media: it measures duration and waveform, and makes the mp3 rendition."""

from dataclasses import replace

import msgspec
from sqlalchemy import BigInteger, ColumnElement, Connection, case, delete, insert, literal, update

from earwitness.archive.media.playable import MediaObject
from earwitness.archive.recordings.incomplete import UNDECODABLE
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.vault import media_objects, waveforms
from earwitness.ingest.original_media import add_media_object
from earwitness.ingest.steps.context import StepContext
from earwitness.media.decoder.decoder import DecoderFailed, Undecodable
from earwitness.media.decoder.decoder import process as decode
from earwitness.media.flow import Bytes, Sink
from earwitness.media.measurement import Measurement
from earwitness.media.vault import Sealed

LARGEST_MP3_BYTES = 4 << 30
"""More than the mp3 of two days, the longest sound that is decoded. A decoder in other hands may write on."""


class BoundedSink:
    """Writes at most so many bytes. Raises DecoderFailed for more."""

    def __init__(self, sink: Sink, most_bytes: int = LARGEST_MP3_BYTES) -> None:
        self._sink = sink
        self._left = most_bytes

    def write(self, data: Bytes, /) -> None:
        self._left -= len(data)
        if self._left < 0:
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
    context.changes.append(lambda connection: _write(connection, context, measurement, mp3))


def fits(_: Connection) -> list[ColumnElement[bool]]:
    """The conditions on recordings that can be measured again."""
    return [recordings.c.has_media]


def _decode(context: StepContext, raw: MediaObject) -> tuple[Measurement, Sealed | None]:
    vault = context.archive.vault
    key = context.playable.key(vault)
    upload = context.cleanup.enter_context(vault.new(key, "mp3"))
    with vault.open(raw.name, key, "raw") as source:
        watched, mp3 = context.watched(source), BoundedSink(upload)
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
    this = recordings.c.position == position
    found = msgspec.to_builtins(replace(measurement, peaks=None, channel_peaks=None))
    measured = {
        recordings.c.duration_ms: literal(measurement.duration_ms, BigInteger),
        recordings.c.ended_at: recordings.c.started_at + measurement.duration_ms,
    }
    times = {
        column: case((recordings.c.has_sender_times, column), else_=value)
        for column, value in measured.items()
    }
    processed = {recordings.c.status: "processed", recordings.c.measurement: found}
    connection.execute(update(recordings).where(this).values(processed | times))
    connection.execute(delete(waveforms).where(waveforms.c.position == position))
    if measurement.peaks is not None:
        connection.execute(
            insert(waveforms).values(
                position=position, peaks=measurement.peaks, channels=measurement.channel_peaks
            )
        )
    # Remove all renditions, since they were made by the earlier decoding.
    earlier = delete(media_objects).where(media_objects.c.position == position, media_objects.c.kind != "raw")
    context.replaced_objects += connection.scalars(earlier.returning(media_objects.c.name))
    if mp3 is not None:
        add_media_object(connection, position, "mp3", mp3)
