"""The step that transcribes: an engine writes the transcript if the source of the recording sent none."""

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
from earwitness.ingest.steps.context import NO_ENGINE, StepContext
from earwitness.ingest.transcript import add_transcript
from earwitness.kernel.errors import Conflict
from earwitness.media.decoder.decoder import process as decode
from earwitness.media.decoder.decoder import render
from earwitness.media.flow import Source
from earwitness.speech.engine import ChannelTranscript
from earwitness.speech.transcriber import SpeechLimits
from earwitness.speech.transcriber import transcribe as listen


@dataclass(frozen=True, slots=True)
class _ChannelTranscript:
    """What was said in one channel; `channel` is None if the recording has only one."""

    channel: int | None
    transcript: ChannelTranscript


def fits(connection: Connection) -> list[ColumnElement[bool]]:
    """The conditions on recordings that can be transcribed again. Raises Conflict if no engine is set."""
    if engine_of(connection) == NO_ENGINE:
        raise Conflict("No engine is set: choose one with `earwitness account set --transcription`.")
    return _transcribable()


def _transcribable() -> list[ColumnElement[bool]]:
    """An engine may transcribe recordings that have media, and no transcript from their source."""
    from_source = select(transcripts.c.position).where(
        transcripts.c.position == recordings.c.position, transcripts.c.engine.is_(None)
    )
    return [recordings.c.has_media, ~from_source.exists()]


def engine_of(connection: Connection) -> str:
    """The engine that transcribes the recordings of this account, or `none`."""
    return str(connection.execute(select(account.c.transcription)).scalar_one())


def is_needed(connection: Connection, position: int) -> bool:
    """Whether an engine is to transcribe a recording."""
    if engine_of(connection) == NO_ENGINE:
        return False
    this = select(recordings.c.position).where(recordings.c.position == position, *_transcribable())
    return connection.scalar(this.where(recordings.c.status == "processed")) is not None


def transcribe(context: StepContext) -> None:
    """Transcribe each channel, but only one of several that are alike. Raises TranscriptionFailed."""
    with context.archive.read() as connection:
        engine = engine_of(connection)
        if not is_needed(connection, context.position):
            return
    measured = context.playable.measurement
    if not measured or not measured["audio"]:
        return
    began = time.monotonic()
    channels, distinct = _channels(context, measured)
    heard = [_transcribe_channel(context, engine, channel, channels) for channel in distinct]
    took_ms = int((time.monotonic() - began) * 1000)
    transcript = _merged(heard)
    effort = Transcribed(len(heard) * int(measured["duration_ms"]), took_ms)
    context.parts.append("transcript")
    context.changes.append(lambda connection: _write(connection, context, transcript, engine))
    context.changes.append(lambda connection: add_transcribed(connection, effort))


def _channels(context: StepContext, measured: Mapping[str, Any]) -> tuple[int, Sequence[int]]:
    """How many channels all tracks have together, and the channels that are not like an earlier one.

    Measurements of earlier versions do not say which; then the media is measured again.
    """
    if measured.get("distinct") is not None:
        return measured["audio"]["channels"], measured["distinct"]
    with _opened(context) as source:
        found = decode(context.watched(source), context.limits, hint=context.playable.hint)
    return (found.audio.channels if found.audio else 0), found.distinct or ()


@contextmanager
def _opened(context: StepContext) -> Iterator[Source]:
    raw, vault = context.playable.objects["raw"], context.archive.vault
    with vault.open(raw.name, context.playable.key(vault), "raw") as source:
        yield source


def _transcribe_channel(context: StepContext, engine: str, channel: int, channels: int) -> _ChannelTranscript:
    settings = context.settings
    limits = SpeechLimits(settings.transcription_seconds, settings.transcription_memory_mib)
    with (
        _opened(context) as source,
        render(
            context.watched(source), "speech", context.limits, hint=context.playable.hint, channel=channel
        ) as pcm,
    ):
        transcript = listen(engine, settings.whisper_model, pcm, limits, context.check)
    return _ChannelTranscript(channel if channels > 1 else None, transcript)


def _merged(heard: list[_ChannelTranscript]) -> IngestTranscript:
    """Merge the channels into one transcript, in order of time. Its language is that of most of the text."""
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


def _write(connection: Connection, context: StepContext, transcript: IngestTranscript, engine: str) -> None:
    # The source may have sent its own transcript while the engine was at work.
    if is_needed(connection, context.position):
        add_transcript(connection, context.position, transcript, engine=engine)
