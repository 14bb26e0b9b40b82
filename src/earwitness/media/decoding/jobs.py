"""The two jobs of a decoding process: to measure a recording, and to make a rendition of it."""

import io
from fractions import Fraction

from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from earwitness.kernel.formats import RENDERED, Rendered
from earwitness.media.decoding.headerless import File
from earwitness.media.decoding.media import Media, NotMedia
from earwitness.media.decoding.mp3 import Mp3Writer
from earwitness.media.decoding.mp4 import write_mp4
from earwitness.media.decoding.pcm import Sound, samples_of
from earwitness.media.decoding.peaks import Peaks
from earwitness.media.decoding.speech import write_speech
from earwitness.media.decoding.wav import WavWriter, wav_header
from earwitness.media.flow import Sink
from earwitness.media.measurement import DECODER_VERSION, SPEECH, Audio, Hint, Measurement, Speech


class NoSound(Exception):
    """This recording has no sound, and the format is made of nothing else."""


def measure(file: File, mp3: Sink | None, hint: Hint | None = None) -> Measurement:
    """Decode everything once, and write it to `mp3` on the way if there is sound. Raises NotMedia."""
    media = Media(file, hint)
    if media.audio is not None:
        return _measure_sound(media, media.audio, mp3)
    assert media.video is not None  # noqa: S101 - or it would be no Media
    return _measure_picture(media, media.video)


def render(
    file: File, format_: Rendered | Speech, samples: int | None, sink: Sink, hint: Hint | None = None
) -> None:
    """Write a rendition. Raises NotMedia and NoSound.

    wav says first how long it is: `samples`, or a count made in a pass of its own.
    """
    if format_ == "mp4":
        write_mp4(Media(file, hint), sink)
        return
    if format_ in SPEECH:
        write_speech(_open_sound(file, 1 if format_ == "speech" else 2, hint), format_, sink)
        return
    most_channels = 1 if format_.endswith("-mono") else 2
    if format_.startswith("mp3"):
        _write_mp3(_open_sound(file, most_channels, hint), sink)
        return
    if samples is None:
        samples = _count_samples(_open_sound(file, most_channels, hint))
    _write_wav(_open_sound(file, most_channels, hint), samples, sink)


def rehearse() -> None:
    """Do every job once with a moment of silence.

    Libraries load parts of themselves when these are first needed, and a confined process can load
    nothing any more; besides, what was done once is done faster.
    """
    silence = wav_header(800, 8000, 1) + bytes(1600)
    measure(io.BytesIO(silence), io.BytesIO())
    for format_ in (*RENDERED, *SPEECH):
        render(io.BytesIO(silence), format_, None, io.BytesIO())


def _open_sound(file: File, most_channels: int, hint: Hint | None) -> Sound:
    file.seek(0)
    media = Media(file, hint)
    if media.audio is None:
        raise NoSound
    return Sound(media, most_channels)


def _measure_sound(media: Media, stream: AudioStream, mp3: Sink | None) -> Measurement:
    sound = Sound(media, picture=True)
    pcm = sound.pcm
    peaks = Peaks(pcm.rate, pcm.channels)
    writer = Mp3Writer(mp3, pcm.rate, pcm.layout) if mp3 is not None else None
    for block in sound:
        peaks.add(block)
        if writer is not None:
            writer.add(block)
    if writer is not None:
        writer.add(None)
    heard = Fraction(pcm.samples, pcm.rate)
    not_decoded = media.not_decoded(heard) or ("a part of the file is damaged" if pcm.is_damaged else "")
    return Measurement(
        duration_ms=round(max(heard, media.picture_end) * 1000),
        audio=Audio(pcm.source_channels, pcm.rate, stream.codec_context.codec.canonical_name),
        video=media.video.codec_context.codec.canonical_name if media.video is not None else None,
        samples=pcm.samples,
        peaks=peaks.finish(),
        complete=not not_decoded,
        not_decoded=not_decoded,
        decoder_version=DECODER_VERSION,
    )


def _measure_picture(media: Media, stream: VideoStream) -> Measurement:
    seen = False
    for packet in media.packets(stream):
        # One picture shows that it is one; decoding them all would take as long as the meeting did.
        seen = seen or bool(media.decode_video(packet))
    if not seen:
        raise NotMedia
    not_decoded = media.not_decoded(media.picture_end)
    return Measurement(
        duration_ms=round(media.picture_end * 1000),
        audio=None,
        video=stream.codec_context.codec.canonical_name,
        samples=0,
        peaks=None,
        complete=not not_decoded,
        not_decoded=not_decoded,
        decoder_version=DECODER_VERSION,
    )


def _count_samples(sound: Sound) -> int:
    for _ in sound:
        pass
    return sound.pcm.samples


def _write_mp3(sound: Sound, sink: Sink) -> None:
    writer = Mp3Writer(sink, sound.pcm.rate, sound.pcm.layout)
    for block in sound:
        writer.add(block)
    writer.add(None)


def _write_wav(sound: Sound, samples: int, sink: Sink) -> None:
    writer = WavWriter(sink, samples, sound.pcm.rate, sound.pcm.channels)
    for block in sound:
        writer.add(samples_of(block))
    writer.finish()
