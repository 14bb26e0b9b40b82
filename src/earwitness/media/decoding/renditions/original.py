"""The original that a rendition is made of, and what is known about it."""

from dataclasses import dataclass

from earwitness.media.decoding.containers.media_file import MediaFile
from earwitness.media.decoding.containers.not_media import NotMedia
from earwitness.media.decoding.layouts import samples_of
from earwitness.media.decoding.sound.likeness import Likeness
from earwitness.media.decoding.sound.mix import Mixed
from earwitness.media.decoding.sound.tracks import Sound
from earwitness.media.flow import File
from earwitness.media.measurement import Hint


class NoSound(Exception):
    """The recording has no sound, but the format has only sound."""


@dataclass(frozen=True, slots=True)
class Original:
    """A recording, and what is known about it.

    `samples` and `opposite` are those of a measurement. If one of them is None and needed, the recording is
    decoded once more: mp3 and wav begin with their length, and a mono mix depends on the whole recording.
    """

    file: File
    hint: Hint | None = None
    samples: int | None = None
    opposite: bool | None = None

    def open(self) -> MediaFile:
        """Open the file. Raises NotMedia."""
        return MediaFile(self.file, self.hint)

    def sound(self) -> Sound:
        """Open the sound of all tracks. Raises NotMedia, or NoSound if there is only a picture."""
        media = self.open()
        if media.audio is None:
            raise NoSound
        try:
            return Sound(media)
        except NotMedia:
            if media.video is None:
                raise
            raise NoSound from None

    def mixed(self, most_channels: int | None) -> Sound | Mixed:
        """Open the sound, mixed to at most so many channels; None keeps all. Raises NotMedia and NoSound."""
        sound = self.sound()
        if most_channels is None:
            return sound
        opposite = most_channels == 1 and sound.channels == 2 and self.is_opposite()
        return Mixed(sound, most_channels, opposite=opposite)

    def is_opposite(self) -> bool:
        """Whether the two channels would cancel each other out in a mono mix."""
        if self.opposite is not None:
            return self.opposite
        sound = self.sound()
        likeness = Likeness(sound.rate, sound.channels)
        for block in sound:
            likeness.add(bytes(samples_of(block)))
        likeness.finish()
        return likeness.are_opposite

    def count_samples(self) -> int:
        """How many samples each channel has."""
        if self.samples is not None:
            return self.samples
        sound = self.sound()
        for _ in sound:
            pass
        return sound.samples
