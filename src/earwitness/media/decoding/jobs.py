"""The two jobs of a decoding process: to measure a recording, and to write a rendition of it."""

from fractions import Fraction

from av.video.stream import VideoStream

from earwitness.kernel.formats import FORMATS, Rendered
from earwitness.media.decoding.containers.media_file import MediaFile
from earwitness.media.decoding.containers.not_media import NotMedia
from earwitness.media.decoding.layouts import samples_of
from earwitness.media.decoding.renditions.mp3 import Mp3Writer
from earwitness.media.decoding.renditions.original import Original
from earwitness.media.decoding.renditions.writers import load_writers
from earwitness.media.decoding.sound.likeness import Likeness
from earwitness.media.decoding.sound.mix import Mixer
from earwitness.media.decoding.sound.pcm import USUAL_LIMITS, SoundLimits
from earwitness.media.decoding.sound.peaks import Peaks, loudest_of
from earwitness.media.decoding.sound.speech import write_speech
from earwitness.media.decoding.sound.tracks import Sound
from earwitness.media.flow import File, Sink
from earwitness.media.measurement import DECODER_VERSION, Audio, Hint, Measurement, Speech

_writers = load_writers()

# A day of 16 channels has half of this.
_MOST_CHANNEL_PEAKS = 24 << 20
_MOST_CHARACTERS = 500
_NO_SOUND_OF_IT = "nothing of the sound could be decoded"

_MOST_HELD_BYTES = 32 << 20
"""How much of an mp3 is held in memory, which is limited: more than an hour of speech on two channels."""


def measure(
    file: File,
    mp3: Sink | None,
    hint: Hint | None = None,
    *,
    limits: SoundLimits = USUAL_LIMITS,
    most_held_bytes: int = _MOST_HELD_BYTES,
) -> Measurement:
    """Decode everything once, and write the mp3 rendition if there is sound. Raises NotMedia.

    An mp3 begins with its length, so it is held in memory until the end. An mp3 of more than
    `most_held_bytes` is written in a second pass instead.
    """
    media = MediaFile(file, hint)
    if media.audio is not None:
        codec = media.audio.codec_context.codec.canonical_name
        try:
            sound = Sound(media, picture=True, limits=limits)
            found, is_written = _measure_sound(media, sound, codec, mp3, most_held_bytes)
        except NotMedia:
            if media.video is None:
                raise
            media = MediaFile(file, hint)
        else:
            if mp3 is not None and not is_written:
                render(file, "mp3", found.samples, mp3, hint)
            return found
    assert media.video is not None  # noqa: S101 - a MediaFile has sound or a picture
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
    """Write a rendition, or the speech of one channel. Raises NotMedia and NoSound.

    `samples` and `opposite` are those of an earlier measurement, if there is one.
    """
    original = Original(file, hint, samples, opposite)
    if format_ == "speech":
        write_speech(original.sound(), channel, sink)
    else:
        _writers[format_](original, FORMATS[format_].most_channels, sink)


def _measure_sound(
    media: MediaFile, sound: Sound, codec: str, mp3: Sink | None, most_held_bytes: int
) -> tuple[Measurement, bool]:
    """The measurement, and whether the mp3 is written."""
    peaks, likeness = Peaks(sound.rate, sound.channels), Likeness(sound.rate, sound.channels)
    mixer = Mixer(sound.rate, sound.channels, FORMATS["mp3"].most_channels)
    writer = Mp3Writer(mp3, sound.rate, mixer.layout) if mp3 is not None else None
    for block in sound:
        pcm = bytes(samples_of(block))
        peaks.add(pcm)
        likeness.add(pcm)
        if writer is not None:
            for mixed in mixer.add(block):
                writer.add(mixed)
            if writer.held_bytes > most_held_bytes:
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
    """What could not be decoded of the file and of its tracks, in words."""
    found = [words for words in (losses, sound.not_decoded.rstrip(".")) if words]
    if not found and not sound.is_complete:
        found.append("a part of the sound is damaged or missing")
    return "; ".join(found)[:_MOST_CHARACTERS]


def _measure_picture(media: MediaFile, stream: VideoStream) -> Measurement:
    seen = False
    for packet in media.packets(stream):
        # Decode one picture only, to know that there is one. Decoding all could take as long as the meeting.
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
