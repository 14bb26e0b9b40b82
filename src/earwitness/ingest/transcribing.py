"""The step that transcribes: what a recording's source sent no transcript of, an engine writes one of."""

import time
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, select

from earwitness.archive.schema.people import account
from earwitness.archive.schema.recordings import recordings, transcripts
from earwitness.archive.transcribed import Transcribed, add_transcribed
from earwitness.ingest.metadata import IngestSegment, IngestTranscript
from earwitness.ingest.transcript import add_transcript
from earwitness.ingest.work import Work
from earwitness.media.decoder import render
from earwitness.media.measurement import Speech
from earwitness.speech.engine import Transcript
from earwitness.speech.transcriber import SpeechLimits
from earwitness.speech.transcriber import transcribe as listen

NONE = "none"


@dataclass(frozen=True, slots=True)
class _Heard:
    """What was said in one channel; `channel` is None where a recording has but one."""

    channel: int | None
    transcript: Transcript


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
    """Transcribe each channel of a call by itself. Raises TranscriptionFailed."""
    with work.archive.read() as connection:
        engine = engine_of(connection)
        if not is_wanted(connection, work.playable.position):
            return
    began = time.monotonic()
    heard = [_hear(work, engine, side, channel) for side, channel in _sides(work)]
    took_ms = int((time.monotonic() - began) * 1000)
    if heard and work.playable.measurement:
        heard_ms = len(heard) * int(work.playable.measurement["duration_ms"])
        transcript, effort = _merged(heard), Transcribed(heard_ms, took_ms)
        work.changes.append(lambda connection: _write(connection, work, transcript, engine))
        work.changes.append(lambda connection: add_transcribed(connection, effort))


def _sides(work: Work) -> list[tuple[Speech, int | None]]:
    """The channels to hear. Only two are two parties; more are a meeting's, and are mixed."""
    audio = (work.playable.measurement or {}).get("audio")
    if audio is None:
        return []
    return [("speech-left", 0), ("speech-right", 1)] if audio["channels"] == 2 else [("speech", None)]


def _hear(work: Work, engine: str, side: Speech, channel: int | None) -> _Heard:
    vault, settings = work.archive.vault, work.settings
    raw, key = work.playable.objects["raw"], work.playable.key(vault)
    limits = SpeechLimits(settings.transcription_seconds, settings.transcription_memory_mib)
    with (
        vault.open(raw.name, key, "raw") as source,
        render(work.watched(source), side, work.limits, hint=work.playable.hint) as pcm,
    ):
        transcript = listen(engine, settings.whisper_model, pcm, limits, work.check)
    return _Heard(channel, transcript)


def _merged(heard: list[_Heard]) -> IngestTranscript:
    """One transcript of all channels, in the order of time; its language is of the channel that says most."""
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
    talkative = max(heard, key=lambda one: sum(len(segment.text) for segment in one.transcript.segments))
    in_time = sorted(segments, key=lambda segment: (segment.start, segment.channel or 0))
    return IngestTranscript(segments=in_time, language=talkative.transcript.language)


def _write(connection: Connection, work: Work, transcript: IngestTranscript, engine: str) -> None:
    # The source may have sent its own while the engine was listening.
    if is_wanted(connection, work.playable.position):
        add_transcript(connection, work.playable.position, transcript, engine=engine)
