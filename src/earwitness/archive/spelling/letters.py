"""How each reading of `text.py` takes letters, marks and signs.

A text index keeps what it was given, so it is asked as it was written: until every document of an account is
read anew, its questions are read as its documents were.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum
from functools import cache, lru_cache

from earwitness.archive.spelling import emoji


class Reading(IntEnum):
    """A way to read text. What it makes of a text never changes: a change is one more reading.

    In the second, emoji are words, Korean is read in pairs, and Arabic letters are one where readers take
    them for one another.
    """

    FIRST = 1
    SECOND = 2


NEWEST = Reading.SECOND

# Chinese and Japanese, then Thai, Lao, Myanmar and Khmer. Their digits are not here: they are folded to 0-9.
UNSPACED = (
    "\u3005-\u3007\u3021-\u3029\u3031-\u3035\u303b\u3041-\u3096\u3099\u309a\u309d-\u309f"
    "\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U0001aff0-\U0001b16f\U00020000-\U000323af"
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ebd\u0ec0-\u0ece\u0edc-\u0edf"
    "\u1000-\u103f\u1050-\u108f\u109a-\u109d\ua9e0-\ua9ef\ua9fa-\ua9fe\uaa60-\uaa76\uaa7a-\uaa7f"
    "\u1780-\u17d3\u17d7\u17dc"
)
# Korean has spaces, but particles and endings stand at its words: 회의 is in 회의를 and 주간회의.
_KOREAN = "\u1100-\u11ff\ua960-\ua97c\uac00-\ud7a3\ud7b0-\ud7c6\ud7cb-\ud7fb"

# The blocks that have marks, format characters or digits of their own: looking through all slows the start.
_BLOCKS = (
    (0x00AD, 0x3100),
    (0xA600, 0xAC00),
    (0xFB00, 0x12000),
    (0x13430, 0x13460),
    (0x16A00, 0x17000),
    (0x1BC00, 0x1EA00),
    (0xE0000, 0xE0200),
)
_KINDS = {
    character: unicodedata.category(character)
    for first, end in _BLOCKS
    for character in map(chr, range(first, end))
}
_MARKS = {character for character, kind in _KINDS.items() if kind in {"Mn", "Mc", "Me", "Cf"}}


def _is_accent(mark: str) -> bool:
    """Say whether a mark may be left out, by its canonical combining class (Unicode Standard, 4.3).

    Above 200 stand the accents of Latin, Greek and Cyrillic, from 10 to 36 the points of Hebrew and
    Arabic, which are seldom written, and 1 strikes a letter through. The rest spell words: the vowels
    of Indic scripts, Thai and Tibetan (0, 84-132), nukta and virama (7, 9), か against が (8).
    """
    order = unicodedata.combining(mark)
    return _KINDS[mark] in {"Me", "Cf"} or order == 1 or 10 <= order <= 36 or order >= 200


def _span(first: int, last: int) -> set[str]:
    return {chr(code) for code in range(first, last + 1)}


# Variation selectors, the grapheme joiner and the Arabic stretch change how a letter looks, not which it is.
_SHAPERS = {"\u034f", "\u0640"} | _span(0x180B, 0x180F) | _span(0xFE00, 0xFE0F) | _span(0xE0100, 0xE01EF)
_LEFT_OUT = _SHAPERS.union(filter(_is_accent, _MARKS))
_SKIN_TONES = _span(0x1F3FB, 0x1F3FF)

# Letters that Unicode does not take apart but people do, and letters that are typed as an apostrophe.
_LETTERS = dict(zip("øłđðħŧıʻʼʾʿ", "olddhti''''", strict=True)) | {"æ": "ae", "œ": "oe", "þ": "th"}
# Arabic that is written with one for the other: ta marbuta and alef maksura without their dots, alef wasla,
# and Persian and Urdu letters, which keyboards of Arabic lack (as ArabicNormalizer and PersianNormalizer of
# Lucene, but for ے, which Urdu tells from ی). The hamza above and below a letter is a mark.
_ARABIC = dict(zip("ةىٱیکہۃە", "هيايكههه", strict=True))
_DIGITS = {digit: str(unicodedata.decimal(digit)) for digit, kind in _KINDS.items() if kind == "Nd"}


def _one_of(characters: Iterable[str]) -> str:
    """Write a set of characters as a pattern: up to U+FFFF `re` looks one up at once, beyond it searches."""
    near, far = "", ""
    for character in sorted(characters):
        if character <= "\uffff":
            near += character
        else:
            far += character
    return rf"(?:[{near}]|(?![\x00-\uffff])[{far}])"


# What may unite with the character before it: marks, and the vowels and finals of Korean syllables.
_UNITING = _span(0x1160, 0x11FF) | _span(0xD7B0, 0xD7FF) | _span(0x3131, 0x318E) | _span(0xFF9E, 0xFFDC)
JOINING = _one_of(_MARKS | _LEFT_OUT | _UNITING)
_SPELLING = _one_of(re.sub(f"[{UNSPACED}]", "", "".join(_MARKS - _LEFT_OUT)))
_STACKED = rf"(?:(?![\x00-\x7f]){_one_of(_MARKS | _span(0xFF9E, 0xFF9F))})"
_EXCESS = re.compile(rf"({_STACKED}{{30}}){_STACKED}+")
_NOTHING = "(?!)"
_FRACTION = re.compile("(?=[¼½¾⅐-⅟↉])")


def without_excess(text: str) -> str:
    """A text with no more marks on a letter than any script puts there, 30 (UAX #15, 13).

    To put n of them in order takes n² steps, in which nobody else gets a turn.
    """
    return _EXCESS.sub(r"\1", text)


class Letters:
    """What one reading makes of letters, marks and signs."""

    def __init__(
        self,
        *,
        left_out: Iterable[str],
        alike: Mapping[str, str],
        unspaced: str,
        signs: str = _NOTHING,
        joined_signs: str = _NOTHING,
        fold_signs: Callable[[str], str] = str,
    ) -> None:
        """`signs` are words beside letters and digits, in folded text; `joined_signs` fold as one."""
        joining = _one_of(_MARKS | _UNITING | set(left_out))
        letter = rf"[^\W_{unspaced}]"
        word = rf"{letter}+(?:(?![\x00-\x7f]){_SPELLING}{letter}*)*"
        self.word = re.compile(rf"([{unspaced}]+)|{word}|(?![\x00-\x7f])(?:{signs})")
        """A word in folded text; group 1 is a run of what is written without spaces."""
        self.unit = re.compile(rf"{joined_signs}|(?s:.)(?:(?![\x00-\x7f]){joining})*")
        """What folds by itself: a character with the marks that follow it."""
        self.fold_unit = lru_cache(maxsize=4096)(self.fold)
        self._plain = str.maketrans({**alike, **_DIGITS, **dict.fromkeys(left_out, "")})
        self._fold_signs = fold_signs

    def fold(self, text: str) -> str:
        if text.isascii():
            return text.lower()
        apart = self._fold_signs(_FRACTION.sub(" ", without_excess(text)))  # or 99½ would read 991
        plain = unicodedata.normalize("NFKD", apart).casefold().translate(self._plain)
        return unicodedata.normalize("NFC", plain)


_OF = {
    Reading.FIRST: lambda: Letters(left_out=_LEFT_OUT, alike=_LETTERS, unspaced=UNSPACED),
    Reading.SECOND: lambda: Letters(
        left_out=_LEFT_OUT | _SKIN_TONES,
        alike=_LETTERS | _ARABIC,
        unspaced=UNSPACED + _KOREAN,
        signs=emoji.WORD,
        joined_signs=emoji.WHOLE,
        fold_signs=emoji.folded_emoji,
    ),
}


@cache
def letters_of(reading: Reading) -> Letters:
    """What a reading makes of letters. Its patterns take long to compile, and few need any but the newest."""
    return _OF[reading]()
