"""What could not be decoded of a recording: collected while it is decoded, and put into words."""

from dataclasses import dataclass, field
from fractions import Fraction

_TOLERANCE = Fraction(1, 4)
"""A file may round its length up by a frame or two; a damaged file lacks more."""

_MOST_CHARACTERS = 500


@dataclass(slots=True)
class Losses:
    """`notes` are about the structure of the file. `cut` is the note for a file that ends too early."""

    notes: list[str] = field(default_factory=list)
    cut: str = ""
    is_forgiving: bool = False
    """Whether one packet that cannot be decoded is ignored: there is one where two mp3s are joined."""
    _seconds: Fraction = Fraction(0)
    _is_second: bool = False
    _is_corrupt: bool = False
    _is_broken_off: bool = False

    def corrupt(self) -> None:
        """Note that a packet is damaged or cut off. A part of it may still be decoded."""
        self._is_corrupt = True

    def failed(self, seconds: Fraction) -> None:
        """Note that a packet could not be decoded."""
        if not self.is_forgiving or self._is_second:
            self._seconds += seconds
            self._is_corrupt = True
        self._is_second = True

    def decoded(self) -> None:
        self._is_second = False

    def broken_off(self) -> None:
        """Note that the file could not be read to its end."""
        self._is_broken_off = True

    def in_words(self, heard: Fraction = Fraction(0), stated: Fraction = Fraction(0)) -> str:
        """All losses in words; empty if there are none. `heard` and `stated` are lengths in seconds."""
        losses = list(dict.fromkeys(self.notes))
        if heard + _TOLERANCE < stated:
            losses.append(missing(float(stated - heard)))
        elif self.cut:
            losses.append(self.cut)
        if self._seconds * 10 >= 1:
            losses.append(f"{float(self._seconds):.1f} s could not be decoded")
        elif self._is_corrupt and not losses:
            losses.append("a part of the file is damaged")
        if self._is_broken_off and not losses:
            losses.append("the file could not be read to its end")
        words = "; ".join(losses)
        return words if len(words) <= _MOST_CHARACTERS else f"{words[: _MOST_CHARACTERS - 3]}..."


def missing(seconds: float) -> str:
    """The words for sound that is missing."""
    return f"{max(seconds, 0.1):.1f} s of sound that the header promises are missing"
