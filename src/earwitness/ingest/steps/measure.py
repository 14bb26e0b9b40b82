"""The step that decodes: duration and waveform are measured, the mp3 rendition is made."""

from dataclasses import replace

import msgspec
from sqlalchemy import Connection, delete, insert, update

from earwitness.archive.media.playable import MediaObject
from earwitness.archive.recordings.incomplete import UNDECODABLE
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.vault import media_objects, waveforms
from earwitness.ingest.accept import add_object
from earwitness.ingest.steps.context import Work
from earwitness.media.decoder.decoder import Undecodable
from earwitness.media.decoder.decoder import process as decode
from earwitness.media.measurement import Measurement
from earwitness.media.vault import Sealed


def measure(work: Work) -> None:
    """Decode the original once. What cannot be decoded stays playable as `raw` and is marked so."""
    raw = work.playable.raw
    if raw is None:
        return
    try:
        measurement, mp3 = _decode(work, raw)
    except Undecodable:
        work.notes.append(f"Not decoded: {UNDECODABLE}.")
        work.changes.append(lambda connection: _mark_undecodable(connection, work.playable.position))
        return
    if measurement.not_decoded:
        work.notes.append(f"Not decoded: {measurement.not_decoded}.")
    work.changes.append(lambda connection: _write(connection, work, measurement, mp3))


def _decode(work: Work, raw: MediaObject) -> tuple[Measurement, Sealed | None]:
    vault = work.archive.vault
    key = work.playable.key(vault)
    upload = work.leaving.enter_context(vault.write(key, "mp3"))
    with vault.open(raw.name, key, "raw") as source:
        measurement = decode(work.watched(source), work.limits, mp3=upload, hint=work.playable.hint)
    if measurement.audio is None:
        return measurement, None
    work.uploads.append(upload)
    return measurement, upload.finish()


def _mark_undecodable(connection: Connection, position: int) -> None:
    connection.execute(
        update(recordings).where(recordings.c.position == position).values(status="undecodable")
    )


def _write(connection: Connection, work: Work, measurement: Measurement, mp3: Sealed | None) -> None:
    position = work.playable.position
    this = recordings.c.position == position
    found = msgspec.to_builtins(replace(measurement, peaks=None, channel_peaks=None))
    connection.execute(update(recordings).where(this).values(status="processed", measurement=found))
    connection.execute(
        update(recordings)
        .where(this, ~recordings.c.has_sender_times)
        .values(
            duration_ms=measurement.duration_ms, ended_at=recordings.c.started_at + measurement.duration_ms
        )
    )
    connection.execute(delete(waveforms).where(waveforms.c.position == position))
    if measurement.peaks is not None:
        connection.execute(
            insert(waveforms).values(
                position=position, peaks=measurement.peaks, channels=measurement.channel_peaks
            )
        )
    # Whatever was made of it was made as it was decoded then.
    earlier = delete(media_objects).where(media_objects.c.position == position, media_objects.c.kind != "raw")
    work.replaced += connection.scalars(earlier.returning(media_objects.c.name))
    if mp3 is not None:
        add_object(connection, position, "mp3", mp3)
