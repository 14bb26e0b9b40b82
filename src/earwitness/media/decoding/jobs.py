"""The two jobs of a decoding process: to measure a recording, and to make a rendition of it."""

from fractions import Fraction

from av.video.stream import VideoStream

from earwitness.kernel.formats import Rendered
from earwitness.media.decoding.containers.headerless import File
from earwitness.media.decoding.containers.media_file import MediaFile, NotMedia
from earwitness.media.decoding.layouts import samples_of
from earwitness.media.decoding.renditions.mp3 import Mp3Writer
from earwitness.media.decoding.renditions.mp4 import write_mp4
from earwitness.media.decoding.renditions.wav import WavWriter
from earwitness.media.decoding.sound.likeness import Likeness
from earwitness.media.decoding.sound.mix import Mixed, Mixer
from earwitness.media.decoding.sound.peaks import Peaks, loudest_of
from earwitness.media.decoding.sound.speech import write_speech
from earwitness.media.decoding.sound.tracks import Sound
from earwitness.media.flow import Sink
from earwitness.media.measurement import DECODER_VERSION, Audio, Hint, Measurement, Speech

_SIDES = 2
# A day of 16 channels has half of this.
_MOST_CHANNEL_PEAKS = 24 << 20
_MOST_CHARACTERS = 500
_NO_SOUND_OF_IT = "nothing of the sound could be decoded"

# The mp3 of more than an hour of speech on two sides; the process that holds it has a limit of memory.
_MOST_HELD_BYTES = 32 << 20


class NoSound(Exception):
    """This recording has no sound, and the format is made of nothing else."""


def measure(file: File, mp3: Sink | None, hint: Hint | None = None) -> Measurement:
    """Decode everything once, and write its mp3 if there is sound. Raises NotMedia.

    An mp3 says first how long it is, so it is held until the end; one that is too long for that is written in
    a pass of its own.
    """
    media = MediaFile(file, hint)
    if media.audio is not None:
        codec = media.audio.codec_context.codec.canonical_name
        try:
            found, is_written = _measure_sound(media, codec, mp3)
        except NotMedia:
            if media.video is None:
                raise
            media = MediaFile(file, hint)
        else:
            if mp3 is not None and not is_written:
                render(file, "mp3", found.samples, mp3, hint)
            return found
    assert media.video is not None  # noqa: S101 - or it would be no MediaFile
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

    mp3 and wav say first how long they are, and a mono mix depends on all of the recording: what an earlier
    measurement found in `samples` and `opposite`, or a pass of its own.
    """
    if format_ == "mp4":
        write_mp4(MediaFile(file, hint), sink)
        return
    sound = _open_sound(file, hint)
    if format_ == "speech":
        write_speech(sound, channel, sink)
        return
    is_mono = format_.endswith("-mono")
    if is_mono and opposite is None:
        opposite = sound.channels == _SIDES and _are_opposite(_open_sound(file, hint))
    if samples is None:
        samples = _count_samples(_open_sound(file, hint))
    if format_ == "wav":
        _write_wav(sound, samples, sink)
        return
    mixed = Mixed(sound, 1 if is_mono else _SIDES, opposite=bool(opposite))
    write = _write_wav if format_ == "wav-mono" else _write_mp3
    write(mixed, samples, sink)


def _open_sound(file: File, hint: Hint | None) -> Sound:
    media = MediaFile(file, hint)
    if media.audio is None:
        raise NoSound
    try:
        return Sound(media)
    except NotMedia:
        if media.video is None:
            raise
        raise NoSound from None


def _measure_sound(media: MediaFile, codec: str, mp3: Sink | None) -> tuple[Measurement, bool]:
    """What is found, and whether the mp3 is written."""
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
            if writer.held_bytes > _MOST_HELD_BYTES:
                writer = None
    if writer is not None:
        writer.add(None)
    likeness.finish()
    channels = peaks.finish()
    heard = Fraction(sound.samples, sound.rate)
    not_decoded = _in_words(media.not_decoded(heard), sound)
    found = Measurement(
        duration_ms=round(max(heard, media.picture_end) * 1000),
        audio=Audio(sound.channels, sound.rate, codec),
        video=media.video.codec_context.codec.canonical_name if media.video is not None else None,
        samples=sound.samples,
        peaks=loudest_of(channels),
        complete=not not_decoded,
        decoder_version=DECODER_VERSION,
        not_decoded=not_decoded,
        tracks=tuple(sound.tracks),
        channel_peaks=b"".join(channels) if len(channels) * len(channels[0]) <= _MOST_CHANNEL_PEAKS else None,
        distinct=likeness.distinct,
        opposite=likeness.are_opposite,
    )
    return found, writer is not None


def _in_words(losses: str, sound: Sound) -> str:
    """What could not be had of the file, and of its tracks."""
    said = [words for words in (losses, sound.not_decoded.rstrip(".")) if words]
    if not said and not sound.is_complete:
        said.append("a part of the sound is damaged or missing")
    return "; ".join(said)[:_MOST_CHARACTERS]


def _measure_picture(media: MediaFile, stream: VideoStream) -> Measurement:
    seen = False
    for packet in media.packets(stream):
        # One picture shows that it is one; decoding them all would take as long as the meeting did.
        seen = seen or bool(media.decode_video(packet))
    if not seen:
        raise NotMedia
    losses = [_NO_SOUND_OF_IT] if media.has_sound else []
    not_decoded = "; ".join(filter(None, [*losses, media.not_decoded(media.picture_end)]))[:_MOST_CHARACTERS]
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
    return sound.samples


def _are_opposite(sound: Sound) -> bool:
    likeness = Likeness(sound.rate, sound.channels)
    for block in sound:
        likeness.add(bytes(samples_of(block)))
    likeness.finish()
    return likeness.are_opposite


def _write_mp3(sound: Mixed, samples: int, sink: Sink) -> None:
    writer = Mp3Writer(sink, sound.rate, sound.layout, samples)
    for block in sound:
        writer.add(block)
    writer.add(None)


def _write_wav(sound: Sound | Mixed, samples: int, sink: Sink) -> None:
    writer = WavWriter(sink, samples, sound.rate, sound.channels)
    for block in sound:
        writer.add(samples_of(block))
    writer.finish()
