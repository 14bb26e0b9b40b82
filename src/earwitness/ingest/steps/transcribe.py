"""The step that transcribes: what a recording's source sent no transcript of, an engine writes one of."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from earwitness.archive.jobs.transcription_totals import Transcribed, add_transcribed
from earwitness.archive.schema.people import account
from earwitness.archive.schema.recordings import recordings, transcripts
from earwitness.ingest.metadata import IngestSegment, IngestTranscript
from earwitness.ingest.steps.context import Work
from earwitness.ingest.transcript import add_transcript
from earwitness.media.decoder.decoder import process as decode
from earwitness.media.decoder.decoder import render
from earwitness.media.flow import Source
from earwitness.speech.engine import ChannelTranscript
from earwitness.speech.transcriber import SpeechLimits
from earwitness.speech.transcriber import transcribe as listen

NONE = "none"


@dataclass(frozen=True, slots=True)
class _Heard:
    """What was said in one channel; `channel` is None where a recording has but one."""

    channel: int | None
    transcript: ChannelTranscript


def wanted() -> list[ColumnElement[bool]]:
    """The conditions on recordings that an engine may transcribe: media, and no transcript of its source."""
    from_source = select(transcripts.c.position).where(
        transcripts.c.position == recordings.c.position, transcripts.c.engine.is_(None)
    )
    return [recordings.c.has_media, ~from_source.exists()]


def engine_of(connection: Connection) -> str:
    """What transcribes the recordings of this account: an engine, or `none`."""
    return str(connection.execute(select(account.c.transcription)).scalar_one())


def is_wanted(connection: Connection, position: int) -> bool:
    """Whether a recording is to be transcribed, as far as its rows tell."""
    if engine_of(connection) == NONE:
        return False
    this = select(recordings.c.position).where(recordings.c.position == position, *wanted())
    return connection.scalar(this.where(recordings.c.status == "processed")) is not None


def transcribe(work: Work) -> None:
    """Transcribe each channel by itself, and those alike once. Raises TranscriptionFailed."""
    with work.archive.read() as connection:
        engine = engine_of(connection)
        if not is_wanted(connection, work.playable.position):
            return
    measured = work.playable.measurement
    if not measured or not measured["audio"]:
        return
    began = time.monotonic()
    channels, distinct = _channels(work, measured)
    heard = [_hear(work, engine, channel, channels) for channel in distinct]
    took_ms = int((time.monotonic() - began) * 1000)
    transcript = _merged(heard)
    effort = Transcribed(len(heard) * int(measured["duration_ms"]), took_ms)
    work.changes.append(lambda connection: _write(connection, work, transcript, engine))
    work.changes.append(lambda connection: add_transcribed(connection, effort))


def _channels(work: Work, measured: Mapping[str, Any]) -> tuple[int, Sequence[int]]:
    """How many channels there are, over all tracks, and which of them have a sound of their own.

    What was measured long ago does not tell, and is measured anew.
    """
    if measured.get("distinct") is not None:
        return measured["audio"]["channels"], measured["distinct"]
    with _opened(work) as source:
        found = decode(work.watched(source), work.limits, hint=work.playable.hint)
    return (found.audio.channels if found.audio else 0), found.distinct or ()


@contextmanager
def _opened(work: Work) -> Iterator[Source]:
    raw, vault = work.playable.objects["raw"], work.archive.vault
    with vault.open(raw.name, work.playable.key(vault), "raw") as source:
        yield source


def _hear(work: Work, engine: str, channel: int, channels: int) -> _Heard:
    settings = work.settings
    limits = SpeechLimits(settings.transcription_seconds, settings.transcription_memory_mib)
    with (
        _opened(work) as source,
        render(work.watched(source), "speech", work.limits, hint=work.playable.hint, channel=channel) as pcm,
    ):
        transcript = listen(engine, settings.whisper_model, pcm, limits, work.check)
    return _Heard(channel if channels > 1 else None, transcript)


def _merged(heard: list[_Heard]) -> IngestTranscript:
    """One transcript of all channels, in the order of time; its language is the one in which most is said."""
    segments = [
        IngestSegment(
            text=segment.text.replace("\0", "\N{REPLACEMENT CHARACTER}"),
            start=segment.start,
            end=max(segment.start, segment.end),
            channel=one.channel,
        )
        for one in heard
        for segment in one.transcript.segments
    ]
    said: Counter[str | None] = Counter()
    for one in heard:
        said[one.transcript.language] += sum(len(segment.text) for segment in one.transcript.segments)
    in_time = sorted(segments, key=lambda segment: (segment.start, segment.channel or 0))
    return IngestTranscript(segments=in_time, language=max(said, key=said.__getitem__, default=None))


def _write(connection: Connection, work: Work, transcript: IngestTranscript, engine: str) -> None:
    # The source may have sent its own while the engine was listening.
    if is_wanted(connection, work.playable.position):
        add_transcript(connection, work.playable.position, transcript, engine=engine)
