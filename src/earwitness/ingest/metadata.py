"""The metadata that comes with a recording: its fields and their checks.

The example in `docs/ingest.md` has every field.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, field

from earwitness.kernel import strict_json
from earwitness.kernel.clock import LATEST_MS
from earwitness.kernel.errors import BadRequest, Fault
from earwitness.kernel.wire import (
    CommunicationType,
    Direction,
    Moment,
    Seconds,
    Wire,
    Word,
    WordOrNothing,
    convert,
)
from earwitness.media.measurement import HeaderlessCodec, Hint

EndpointType = Literal["phone", "email", "teamsUserId"]
Text = Annotated[str, Meta(max_length=10_000)]
DataGroups = dict[Annotated[str, Meta(max_length=128)], WordOrNothing]

_TIME_TOLERANCE_MS = 1000


class IngestPerson(Wire):
    """A person as the source knows it."""

    third_party_id: Word | None = None
    full_name: WordOrNothing | None = None
    email: Word | None = None
    person_type: Literal["staff", "external"] | None = None


class NamedEndpoint(Wire):
    """An endpoint, in any spelling of its value. An empty value is a withheld address."""

    type: EndpointType
    endpoint: WordOrNothing


class IngestEndpoint(NamedEndpoint):
    """One participant: an endpoint and its part in the recording."""

    is_originator: bool | None = None
    is_recording_subject: bool | None = None
    user: WordOrNothing | None = None
    person: IngestPerson | None = None

    def __post_init__(self) -> None:
        """Set flags that were left out to false, so that the digest is the same as if they had been sent."""
        self.is_originator = bool(self.is_originator)
        self.is_recording_subject = bool(self.is_recording_subject)


class IngestSegment(Wire, omit_defaults=True):
    """What was said from `start` to `end`, in seconds."""

    text: str
    start: Seconds
    end: Seconds
    channel: int | None = None
    speaker: Text | None = None


class IngestTranscript(Wire):
    """A transcript that the source made."""

    segments: list[IngestSegment]
    language: Word | None = None


class IngestMetadata(Wire):
    """One communication, as its source describes it."""

    third_party_id: Word
    type: CommunicationType
    start_datetime_utc: Moment = field(name="startDatetimeUTC")
    endpoints: Annotated[list[IngestEndpoint], Meta(min_length=1, max_length=1000)]
    end_datetime_utc: Moment | None = field(default=None, name="endDatetimeUTC")
    duration_in_seconds: Seconds | None = None
    source: Text | None = None
    direction: Direction | None = None
    is_private: bool | None = None
    is_private_reason: Text | None = None
    analysis: list[Text] | None = None
    tags: Annotated[list[Word], Meta(max_length=1000)] | None = None
    conversation_phases: list[Text] | None = None
    data_groups: DataGroups | None = None
    optional: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    message: str | None = None
    raw_sms_ids: list[Text] | None = None
    transcript: IngestTranscript | None = None
    codec: HeaderlessCodec | None = None
    sample_rate: Annotated[int, Meta(ge=4000, le=384_000)] | None = None
    channels: Annotated[int, Meta(ge=1, le=64)] | None = None


def read_transcript(body: bytes) -> tuple[IngestTranscript, list[str]]:
    """Read a late transcript. Also returns the paths where characters were replaced. Raises BadRequest."""
    sent, replaced_in = strict_json.loads_mending(body)
    if not isinstance(sent, dict):
        raise BadRequest.of(Fault("", "expected an object"))
    transcript = convert(sent, IngestTranscript)
    if faults := _transcript_faults(transcript):
        raise BadRequest.of(*faults)
    return transcript, [f"transcript.{path}" for path in replaced_in]


def hint(values: IngestMetadata) -> Hint | None:
    """The codec that the source states for media without a header."""
    return Hint(values.codec, values.sample_rate, values.channels) if values.codec else None


def times(values: IngestMetadata) -> tuple[int, int, bool]:
    """Start and end in ms since 1970, and whether the sender gave the end. If not, the media is measured."""
    start = int(values.start_datetime_utc)
    if values.end_datetime_utc is not None:
        return start, int(values.end_datetime_utc), True
    if values.duration_in_seconds is not None:
        return start, start + round(values.duration_in_seconds * 1000), True
    return start, start, values.type == "sms"


def faults_in(values: IngestMetadata, has_media: bool) -> list[Fault]:
    """The faults that concern several fields together."""
    transcript = _transcript_faults(values.transcript, "transcript.") if values.transcript else []
    return [*_time_faults(values, has_media), *_message_faults(values), *transcript]


def _time_faults(values: IngestMetadata, has_media: bool) -> list[Fault]:
    start, end, given = times(values)
    if end < start:
        return [Fault("endDatetimeUTC", "is before startDatetimeUTC")]
    if end > LATEST_MS:
        return [Fault("durationInSeconds", "ends after 2199")]
    if values.end_datetime_utc is not None and values.duration_in_seconds is not None:
        apart_ms = abs(end - start - values.duration_in_seconds * 1000)
        if apart_ms > _TIME_TOLERANCE_MS:
            return [Fault("durationInSeconds", "differs from endDatetimeUTC by more than a second")]
    if not given and not has_media:
        return [
            Fault(
                "endDatetimeUTC",
                "required without media, and an empty file is none, unless durationInSeconds is sent",
            )
        ]
    return []


def _message_faults(values: IngestMetadata) -> list[Fault]:
    if values.type == "sms" and values.message is None:
        return [Fault("message", "required for an SMS")]
    return []


def _transcript_faults(transcript: IngestTranscript, path: str = "") -> list[Fault]:
    return [
        Fault(f"{path}segments[{index}].end", "is before start")
        for index, segment in enumerate(transcript.segments)
        if segment.end < segment.start
    ]
