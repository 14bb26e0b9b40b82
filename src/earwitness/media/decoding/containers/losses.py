"""What of a recording could not be had, gathered while it is decoded, and said in plain words."""

from dataclasses import dataclass, field
from fractions import Fraction

_TOLERANCE = Fraction(1, 4)
"""A file may round its length up by a frame or two; a damaged one misses more."""

_MOST_CHARACTERS = 500


@dataclass(slots=True)
class Losses:
    """`notes` are of the file's structure; `cut` says that it ends too early, if nothing says it better."""

    notes: list[str] = field(default_factory=list)
    cut: str = ""
    is_forgiving: bool = False
    """Whether single packets that cannot be decoded are no loss: where two mp3s meet, one always is."""
    _seconds: Fraction = Fraction(0)
    _is_second: bool = False
    _is_corrupt: bool = False
    _is_broken_off: bool = False

    def corrupt(self) -> None:
        """A packet is damaged or cut off, though something of it may be decoded."""
        self._is_corrupt = True

    def failed(self, seconds: Fraction) -> None:
        """A packet could not be decoded."""
        if not self.is_forgiving or self._is_second:
            self._seconds += seconds
            self._is_corrupt = True
        self._is_second = True

    def decoded(self) -> None:
        self._is_second = False

    def broken_off(self) -> None:
        """The file could not be read on."""
        self._is_broken_off = True

    def in_words(self, heard: Fraction = Fraction(0), stated: Fraction = Fraction(0)) -> str:
        """All of it; nothing where all was heard that is `stated`, both in seconds."""
        said = list(dict.fromkeys(self.notes))
        if heard + _TOLERANCE < stated:
            said.append(missing(float(stated - heard)))
        elif self.cut:
            said.append(self.cut)
        if self._seconds * 10 >= 1:
            said.append(f"{float(self._seconds):.1f} s could not be decoded")
        elif self._is_corrupt and not said:
            said.append("a part of the file is damaged")
        if self._is_broken_off and not said:
            said.append("the file could not be read to its end")
        words = "; ".join(said)
        return words if len(words) <= _MOST_CHARACTERS else f"{words[: _MOST_CHARACTERS - 3]}..."


def missing(seconds: float) -> str:
    """How it is said that a part of the sound is not there."""
    return f"{max(seconds, 0.1):.1f} s of sound that the header promises are missing"
