"""The two jobs of a decoding process: to measure a recording, and to make a rendition of it."""

import io
from fractions import Fraction

from av.video.stream import VideoStream

from earwitness.kernel.formats import RENDERED, Rendered
from earwitness.media.decoding.headerless import File
from earwitness.media.decoding.layouts import samples_of
from earwitness.media.decoding.likeness import Likeness
from earwitness.media.decoding.media import Media, NotMedia
from earwitness.media.decoding.mix import Mixed, Mixer
from earwitness.media.decoding.mp3 import Mp3Writer
from earwitness.media.decoding.mp4 import write_mp4
from earwitness.media.decoding.peaks import Peaks, loudest_of
from earwitness.media.decoding.speech import write_speech
from earwitness.media.decoding.tracks import TOLERANCE, Sound
from earwitness.media.decoding.wav import WavWriter, wav_header
from earwitness.media.flow import Sink
from earwitness.media.measurement import DECODER_VERSION, Audio, Hint, Measurement, Speech

_SIDES = 2
# A day of 16 channels has half of this.
_MOST_CHANNEL_PEAKS = 24 << 20
_NO_SOUND_OF_IT = "Nothing of the sound could be decoded."


class NoSound(Exception):
    """This recording has no sound, and the format is made of nothing else."""


def measure(file: File, mp3: Sink | None, hint: Hint | None = None) -> Measurement:
    """Decode everything once, and write it to `mp3` on the way if there is sound. Raises NotMedia."""
    media = Media(file, hint)
    if media.audio is not None:
        try:
            return _measure_sound(media, media.audio.codec_context.codec.canonical_name, mp3)
        except NotMedia:
            if media.video is None:
                raise
            media = Media(file, hint)
    assert media.video is not None  # noqa: S101 - or it would be no Media
    return _measure_picture(media, media.video)


def render(
    file: File,
    format_: Rendered | Speech,
    samples: int | None,
    sink: Sink,
    hint: Hint | None = None,
    *,
    opposite: bool | None = None,
    channel: int = 0,
) -> None:
    """Write a rendition. Raises NotMedia and NoSound.

    wav says first how long it is, and a mono mix depends on all of the recording: what an earlier measurement
    found in `samples` and `opposite`, or a pass of its own.
    """
    if format_ == "mp4":
        write_mp4(Media(file, hint), sink)
        return
    sound = _open_sound(file, hint)
    if format_ == "speech":
        write_speech(sound, channel, sink)
        return
    is_mono = format_.endswith("-mono")
    if is_mono and opposite is None:
        opposite = sound.channels == _SIDES and _are_opposite(_open_sound(file, hint))
    if format_.startswith("wav") and samples is None:
        samples = _count_samples(_open_sound(file, hint))
    if format_ == "wav":
        _write_wav(sound, samples or 0, sink)
        return
    mixed = Mixed(sound, 1 if is_mono else _SIDES, opposite=bool(opposite))
    if format_ == "wav-mono":
        _write_wav(mixed, samples or 0, sink)
    else:
        _write_mp3(mixed, sink)


def rehearse() -> None:
    """Do every job once with a moment of silence.

    Libraries load parts of themselves when these are first needed, and a confined process can load
    nothing any more; besides, what was done once is done faster.
    """
    for channels in (1, _SIDES + 1):
        silence = wav_header(800, 8000, channels) + bytes(1600 * channels)
        measure(io.BytesIO(silence), io.BytesIO())
        formats: tuple[Rendered | Speech, ...] = (*RENDERED, "speech")
        for format_ in formats:
            render(io.BytesIO(silence), format_, None, io.BytesIO())


def _open_sound(file: File, hint: Hint | None) -> Sound:
    media = Media(file, hint)
    if media.audio is None:
        raise NoSound
    try:
        return Sound(media)
    except NotMedia:
        if media.video is None:
            raise
        raise NoSound from None


def _measure_sound(media: Media, codec: str, mp3: Sink | None) -> Measurement:
    sound = Sound(media, picture=True)
    peaks, likeness = Peaks(sound.rate, sound.channels), Likeness(sound.rate, sound.channels)
    mixer = Mixer(sound.rate, sound.channels, _SIDES)
    writer = Mp3Writer(mp3, sound.rate, mixer.layout) if mp3 is not None else None
    for block in sound:
        pcm = bytes(samples_of(block))
        peaks.add(pcm)
        likeness.add(pcm)
        if writer is not None:
            for mixed in mixer.add(block):
                writer.add(mixed)
    if writer is not None:
        writer.add(None)
    likeness.finish()
    channels = peaks.finish()
    heard = Fraction(sound.samples, sound.rate)
    return Measurement(
        duration_ms=round(max(heard, media.picture_end) * 1000),
        audio=Audio(sound.channels, sound.rate, codec),
        video=media.video.codec_context.codec.canonical_name if media.video is not None else None,
        samples=sound.samples,
        peaks=loudest_of(channels),
        complete=sound.is_complete,
        decoder_version=DECODER_VERSION,
        not_decoded=sound.not_decoded,
        tracks=tuple(sound.tracks),
        channel_peaks=b"".join(channels) if len(channels) * len(channels[0]) <= _MOST_CHANNEL_PEAKS else None,
        distinct=likeness.distinct,
        opposite=likeness.are_opposite,
    )


def _measure_picture(media: Media, stream: VideoStream) -> Measurement:
    seen = False
    for packet in media.packets(stream):
        # One picture shows that it is one; decoding them all would take as long as the meeting did.
        seen = seen or bool(media.decode_video(packet))
    if not seen:
        raise NotMedia
    return Measurement(
        duration_ms=round(media.picture_end * 1000),
        audio=None,
        video=stream.codec_context.codec.canonical_name,
        samples=0,
        peaks=None,
        complete=media.complete
        and not media.has_sound
        and media.picture_end + TOLERANCE >= media.stated_seconds(stream),
        decoder_version=DECODER_VERSION,
        not_decoded=_NO_SOUND_OF_IT if media.has_sound else "",
    )


def _count_samples(sound: Sound) -> int:
    for _ in sound:
        pass
    return sound.samples


def _are_opposite(sound: Sound) -> bool:
    likeness = Likeness(sound.rate, sound.channels)
    for block in sound:
        likeness.add(bytes(samples_of(block)))
    likeness.finish()
    return likeness.are_opposite


def _write_mp3(sound: Mixed, sink: Sink) -> None:
    writer = Mp3Writer(sink, sound.rate, sound.layout)
    for block in sound:
        writer.add(block)
    writer.add(None)


def _write_wav(sound: Sound | Mixed, samples: int, sink: Sink) -> None:
    writer = WavWriter(sink, samples, sound.rate, sound.channels)
    for block in sound:
        writer.add(samples_of(block))
    writer.finish()
