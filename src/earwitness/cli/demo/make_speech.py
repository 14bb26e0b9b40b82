"""Make the demo's recordings and their manifest: `python -m earwitness.cli.demo.make_speech`.

Reads `dialogues.json` and `archive.json`, writes `media/` and `communications.jsonl`. Needs espeak-ng,
flite and sox. The demo itself needs none of them, because what they made is kept with the code.
"""

import array
import json
import math
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, TypeAlias

import av
import msgspec
import typer
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

HERE = Path(__file__).parent
MEDIA = HERE / "media"

GAP_SECONDS = 0.4
TAIL_SECONDS = 0.6
SOUND_FRAME_MS = 100

PICTURE_WIDTH, PICTURE_HEIGHT, PICTURES_PER_SECOND = 320, 176, 10
PANEL_GAP = 16
PANEL_COLOURS = [(150, 90), (90, 150), (160, 160)]  # (Cb, Cr): blue, amber, violet

Samples: TypeAlias = "array.array[int]"


class Voice(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A synthetic voice, and its channel in a stereo file: left for outside parties, right for staff."""

    engine: Literal["flite", "espeak-ng"]
    voice: str
    side: Literal["left", "right"]
    pitch_cents: int = 0


class MediaFile(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The media file to make. Codecs with a fixed bit rate have no bit rate here."""

    file: str
    codec: str
    rate_hz: int
    channels: Literal[1, 2]
    bits_per_second: int | None = None


class SpokenLine(msgspec.Struct, forbid_unknown_fields=True):
    """What one voice says, at a given second, or else after the previous line."""

    who: str
    text: str
    at: float | None = None


class Communication(msgspec.Struct, forbid_unknown_fields=True):
    """Ingest metadata without the media, the end and the transcript, which speaking adds."""

    metadata: dict[str, Any]
    media: MediaFile | None = None
    lines: list[SpokenLine] = []
    hold: list[tuple[float, float]] = []
    seconds: float | None = None


class Dialogues(msgspec.Struct, forbid_unknown_fields=True):
    """All of `dialogues.json`."""

    voices: dict[str, Voice]
    communications: list[Communication]


class Utterance(msgspec.Struct):
    """A spoken line, and the sample at which it starts."""

    line: SpokenLine
    start: int
    samples: Samples


def speak(voice: Voice, text: str, rate_hz: int) -> Samples:
    """Speak a text: 16-bit mono, at an even level, without silence around it."""
    with tempfile.TemporaryDirectory() as folder:
        spoken = Path(folder) / "spoken.wav"
        if voice.engine == "flite":
            _run("flite", "-voice", voice.voice, "-t", text, "-o", str(spoken))
        else:
            _run("espeak-ng", "-v", voice.voice, "-s", "150", "-w", str(spoken), text)
        trim = ("silence", "1", "0.02", "0.5%", "reverse")
        sounding = ("gain", "-n", "-5", "pitch", str(voice.pitch_cents), "rate", str(rate_hz), *trim, *trim)
        raw = _run("sox", "-D", str(spoken), "-b", "16", "-c", "1", "-t", "raw", "-", *sounding)
    return array.array("h", raw)


def _run(*command: str) -> bytes:
    return subprocess.run(command, check=True, capture_output=True).stdout  # noqa: S603


def utter(communication: Communication, voices: dict[str, Voice], rate_hz: int) -> list[Utterance]:
    """Speak the lines one after another. Raises ValueError if one begins before the previous one ends."""
    utterances: list[Utterance] = []
    free_from = 0
    for line in communication.lines:
        start = free_from + round(GAP_SECONDS * rate_hz) if line.at is None else round(line.at * rate_hz)
        if start < free_from:
            raise ValueError(f"the line before ends at {free_from / rate_hz:.2f}: {line.text}")
        utterances.append(Utterance(line, start, speak(voices[line.who], line.text, rate_hz)))
        free_from = start + len(utterances[-1].samples)
    return utterances


def mix(
    communication: Communication, media: MediaFile, utterances: list[Utterance], voices: dict[str, Voice]
) -> Samples:
    """Lay utterances and hold tones out in time, interleaved when there are two channels."""
    spoken_until = utterances[-1].start + len(utterances[-1].samples)
    frames = round((communication.seconds or spoken_until / media.rate_hz + TAIL_SECONDS) * media.rate_hz)
    if spoken_until > frames:
        raise ValueError(f"{media.file}: {spoken_until / media.rate_hz:.3f} s are spoken")
    left = array.array("h", bytes(2 * frames))
    right = array.array("h", bytes(2 * frames)) if media.channels == 2 else left
    for utterance in utterances:
        side = left if voices[utterance.line.who].side == "left" else right
        side[utterance.start : utterance.start + len(utterance.samples)] = utterance.samples
    for start, sound in hold_tones(communication.hold, media.rate_hz):
        right[start : start + len(sound)] = sound
    if media.channels == 1:
        return left
    both = array.array("h", bytes(4 * frames))
    both[0::2], both[1::2] = left, right
    return both


def hold_tones(holds: list[tuple[float, float]], rate_hz: int) -> Iterator[tuple[int, Samples]]:
    """A soft beep every eight seconds, so that a caller who waits knows the line is up."""
    length = round(0.25 * rate_hz)
    beep = array.array(
        "h",
        (
            round(1800 * math.sin(math.pi * n / length) * math.sin(2 * math.pi * 425 * n / rate_hz))
            for n in range(length)
        ),
    )
    for start, end in holds:
        for second in range(math.ceil(start), math.floor(end), 8):
            yield second * rate_hz, beep


def encode(media: MediaFile, samples: Samples, utterances: list[Utterance]) -> None:
    """Write the media file; an mp4 shows one panel for each speaker."""
    shown = media.file.endswith(".mp4")
    # Write no versions and no random serial numbers, so that the same voices give the same bytes.
    options = {"fflags": "+bitexact"} | ({"movflags": "+faststart"} if shown else {})
    with av.open(str(MEDIA / media.file), "w", options=options) as output:
        picture = add_picture(output) if shown else None
        sound = output.add_stream(media.codec, rate=media.rate_hz)
        if not isinstance(sound, AudioStream):
            raise ValueError(f"{media.codec} encodes no sound")
        sound.codec_context.layout = "stereo" if media.channels == 2 else "mono"
        if media.bits_per_second:
            sound.codec_context.bit_rate = media.bits_per_second
        if media.codec == "libopus":
            sound.codec_context.options = {"application": "voip", "frame_duration": "60"}
        if picture is not None:
            write_pictures(output, picture, media.rate_hz, samples, utterances)
        write_sound(output, sound, media, samples)


def write_sound(output: OutputContainer, stream: AudioStream, media: MediaFile, samples: Samples) -> None:
    """Encode all samples. Raises av.FFmpegError."""
    step = media.rate_hz * SOUND_FRAME_MS // 1000
    for start in range(0, len(samples), step * media.channels):
        part = samples[start : start + step * media.channels]
        frame = av.AudioFrame("s16", "stereo" if media.channels == 2 else "mono", len(part) // media.channels)
        frame.planes[0].update(part.tobytes())
        frame.sample_rate = media.rate_hz
        frame.time_base = Fraction(1, media.rate_hz)
        frame.pts = start // media.channels
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


def add_picture(output: OutputContainer) -> VideoStream:
    """Add a small video stream that every player shows."""
    stream = output.add_stream("libx264", rate=PICTURES_PER_SECOND)
    stream.width, stream.height, stream.pix_fmt = PICTURE_WIDTH, PICTURE_HEIGHT, "yuv420p"
    # Use one thread. With several, the slices of frames depend on the machine.
    stream.codec_context.options = {"crf": "30", "preset": "veryslow", "threads": "1"}
    return stream


def write_pictures(
    output: OutputContainer, stream: VideoStream, rate_hz: int, samples: Samples, utterances: list[Utterance]
) -> None:
    """One coloured panel for each speaker, as bright as that speaker is loud."""
    speakers = list(dict.fromkeys(utterance.line.who for utterance in utterances))
    step = rate_hz // PICTURES_PER_SECOND
    for number, start in enumerate(range(0, len(samples), step)):
        part = samples[start : start + step]
        loudness = min(1.0, math.sqrt(sum(sample * sample for sample in part) / len(part)) / 5000)
        speaking = {u.line.who for u in utterances if u.start <= start < u.start + len(u.samples)}
        frame = panels([loudness if speaker in speaking else 0.0 for speaker in speakers])
        frame.pts, frame.time_base = number, Fraction(1, PICTURES_PER_SECOND)
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


def panels(loudness: list[float]) -> av.VideoFrame:
    """Draw a panel for each loudness from 0 to 1, side by side on black, as many as there are colours."""
    frame = av.VideoFrame(PICTURE_WIDTH, PICTURE_HEIGHT, "yuv420p")
    width = PICTURE_WIDTH // len(loudness) // 2 * 2
    for plane, part in zip(frame.planes, range(3), strict=True):
        scale, empty = (1, 16) if part == 0 else (2, 128)
        shades = [
            40 + round(160 * loud) if part == 0 else colour[part - 1]
            for loud, colour in zip(loudness, PANEL_COLOURS, strict=True)
        ]
        gap = bytes([empty]) * (PANEL_GAP // 2 // scale)
        inside = width // scale - 2 * len(gap)
        row = b"".join(gap + bytes([shade]) * inside + gap for shade in shades)
        row = row.ljust(plane.line_size, bytes([empty]))
        edge = bytes([empty]) * plane.line_size * (PANEL_GAP // scale)
        plane.update(edge + row * (plane.height - 2 * PANEL_GAP // scale) + edge)
    return frame


def ingest_metadata(
    communication: Communication, persons: dict[str, dict[str, Any]], seconds: float, transcript: list[Any]
) -> dict[str, Any]:
    """The communication's line of the manifest."""
    metadata = dict(communication.metadata)
    metadata["endpoints"] = [
        endpoint | ({"person": persons[endpoint["person"]]} if "person" in endpoint else {})
        for endpoint in metadata["endpoints"]
    ]
    if communication.media is None:
        return metadata
    metadata.setdefault("endDatetimeUTC", after(metadata["startDatetimeUTC"], seconds))
    metadata["transcript"] = {"language": "en", "segments": transcript}
    return metadata | {"mediaPath": f"media/{communication.media.file}"}


def after(start: str, seconds: float) -> str:
    """The time so many seconds later. The day may be a placeholder."""
    day, time = start.split("T")
    end = datetime.fromisoformat(f"2026-01-01T{time}") + timedelta(seconds=seconds)
    return f"{day}T{end:%H:%M:%S}.{end.microsecond // 1000:03d}Z"


def main() -> None:
    """Make every file again."""
    dialogues = msgspec.json.decode((HERE / "dialogues.json").read_bytes(), type=Dialogues)
    people = json.loads((HERE / "archive.json").read_bytes())["persons"]
    named = ("thirdPartyId", "fullName", "email", "personType")
    persons = {person["thirdPartyId"]: {name: person[name] for name in named} for person in people}
    MEDIA.mkdir(exist_ok=True)
    manifest = []
    for communication in dialogues.communications:
        seconds, transcript = 0.0, []
        if media := communication.media:
            utterances = utter(communication, dialogues.voices, media.rate_hz)
            samples = mix(communication, media, utterances, dialogues.voices)
            encode(media, samples, utterances)
            seconds = len(samples) / media.channels / media.rate_hz
            transcript = [
                {
                    "text": said.line.text,
                    "start": round(said.start / media.rate_hz, 3),
                    "end": round((said.start + len(said.samples)) / media.rate_hz, 3),
                }
                for said in utterances
            ]
            size = (MEDIA / media.file).stat().st_size
            typer.echo(f"{media.file}: {seconds:.3f} s, {size:,} bytes")
        line = ingest_metadata(communication, persons, seconds, transcript)
        manifest.append(json.dumps(line, ensure_ascii=False) + "\n")
    (HERE / "communications.jsonl").write_text("".join(manifest), encoding="utf-8")


if __name__ == "__main__":
    main()
