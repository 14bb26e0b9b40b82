"""How each version of reading text (`Reading`) treats letters, marks and signs.

A text index holds the tokens of the version that wrote it, so queries are read by the same version until all
documents of the account are indexed anew.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum
from functools import cache, lru_cache

from earwitness.archive.spelling import emoji


class Reading(IntEnum):
    """A version of reading text. It never changes what it makes of a text: a change is a new version.

    In the second, emoji are words, Korean is read in pairs, and Arabic letters that are written for one
    another are equal.
    """

    FIRST = 1
    SECOND = 2


NEWEST = Reading.SECOND

# Chinese and Japanese, then Thai, Lao, Myanmar and Khmer. Without their digits, which are folded to 0-9.
UNSPACED = (
    "\u3005-\u3007\u3021-\u3029\u3031-\u3035\u303b\u3041-\u3096\u3099\u309a\u309d-\u309f"
    "\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U0001aff0-\U0001b16f\U00020000-\U000323af"
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ebd\u0ec0-\u0ece\u0edc-\u0edf"
    "\u1000-\u103f\u1050-\u108f\u109a-\u109d\ua9e0-\ua9ef\ua9fa-\ua9fe\uaa60-\uaa76\uaa7a-\uaa7f"
    "\u1780-\u17d3\u17d7\u17dc"
)
# Korean has spaces, but particles and endings are joined to words: 회의 is found in 회의를 and 주간회의.
_KOREAN = "\u1100-\u11ff\ua960-\ua97c\uac00-\ud7a3\ud7b0-\ud7c6\ud7cb-\ud7fb"

# The blocks that have marks, format characters or digits. To look through all blocks would slow the start.
_BLOCKS = (
    (0x00AD, 0x3100),
    (0xA600, 0xAC00),
    (0xFB00, 0x12000),
    (0x13430, 0x13460),
    (0x16A00, 0x17000),
    (0x1BC00, 0x1EA00),
    (0xE0000, 0xE0200),
)


def _is_accent(mark: str) -> bool:
    """Whether a mark may be left out, by its canonical combining class (Unicode Standard, 4.3).

    From 200 on are the accents of Latin, Greek and Cyrillic; from 10 to 36 the points of Hebrew and Arabic,
    which are seldom written; 1 strikes a letter through. The others make different words: the vowels of
    Indic scripts, Thai and Tibetan (0, 84-132), nukta and virama (7, 9), か and が (8).
    """
    order = unicodedata.combining(mark)
    return unicodedata.category(mark) in {"Me", "Cf"} or order == 1 or 10 <= order <= 36 or order >= 200


def _span(first: int, last: int) -> set[str]:
    return {chr(code) for code in range(first, last + 1)}


# Variation selectors, the grapheme joiner and the Arabic stretch change only how a letter looks.
_SHAPERS = {"\u034f", "\u0640"} | _span(0x180B, 0x180F) | _span(0xFE00, 0xFE0F) | _span(0xE0100, 0xE01EF)
_SKIN_TONES = _span(0x1F3FB, 0x1F3FF)

# Letters that Unicode does not decompose but people write in other ways, and letters typed as an apostrophe.
_LETTERS = dict(zip("øłđðħŧıʻʼʾʿ", "olddhti''''", strict=True)) | {"æ": "ae", "œ": "oe", "þ": "th"}
# Arabic letters that are written for one another: ta marbuta and alef maksura without their dots, alef wasla,
# and Persian and Urdu letters, which Arabic keyboards lack (as ArabicNormalizer and PersianNormalizer of
# Lucene, except ے, which Urdu distinguishes from ی). The hamza above and below a letter is a mark.
_ARABIC = dict(zip("ةىٱیکہۃە", "هيايكههه", strict=True))

# What may combine with the character before it, besides marks: the vowels and finals of Korean syllables.
_UNITING = _span(0x1160, 0x11FF) | _span(0xD7B0, 0xD7FF) | _span(0x3131, 0x318E) | _span(0xFF9E, 0xFFDC)


class _Characters:
    """The marks and digits of Unicode, and the marks that are left out."""

    def __init__(self) -> None:
        every = (character for first, end in _BLOCKS for character in map(chr, range(first, end)))
        kinds = {character: unicodedata.category(character) for character in every}
        self.marks = {character for character, kind in kinds.items() if kind in {"Mn", "Mc", "Me", "Cf"}}
        self.left_out = _SHAPERS.union(filter(_is_accent, self.marks))
        self.digits = {
            digit: str(unicodedata.decimal(digit)) for digit, kind in kinds.items() if kind == "Nd"
        }


@cache
def _characters() -> _Characters:
    """Looking through Unicode takes long, and a text of ASCII needs nothing of it."""
    return _Characters()


def _one_of(characters: Iterable[str]) -> str:
    """A pattern for a set of characters. `re` has a table up to U+FFFF, and searches beyond it."""
    near, far = "", ""
    for character in sorted(characters):
        if character <= "\uffff":
            near += character
        else:
            far += character
    return rf"(?:[{near}]|(?![\x00-\uffff])[{far}])"


def joining() -> str:
    """A pattern of what belongs to the character before it."""
    return _one_of(_characters().marks | _characters().left_out | _UNITING)


@cache
def _excess() -> re.Pattern[str]:
    stacked = rf"(?:(?![\x00-\x7f]){_one_of(_characters().marks | _span(0xFF9E, 0xFF9F))})"
    return re.compile(rf"({stacked}{{30}}){stacked}+")


_NOTHING = "(?!)"
_FRACTION = re.compile("(?=[¼½¾⅐-⅟↉])")


def without_excess(text: str) -> str:
    """A text with at most 30 marks on a letter, which is more than any script needs (UAX #15, 13).

    Putting n marks in order takes n² steps, which would block everything else.
    """
    return text if text.isascii() else _excess().sub(r"\1", text)


class Letters:
    """How one version of reading treats letters, marks and signs."""

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
        """`signs` are more words in folded text, besides letters and digits; `joined_signs` fold as one."""
        marks = _characters().marks
        after = _one_of(marks | _UNITING | set(left_out))
        letter = rf"[^\W_{unspaced}]"
        spelling = _one_of(re.sub(f"[{UNSPACED}]", "", "".join(marks - _characters().left_out)))
        word = rf"{letter}+(?:(?![\x00-\x7f]){spelling}{letter}*)*"
        self.word = re.compile(rf"([{unspaced}]+)|{word}|(?![\x00-\x7f])(?:{signs})")
        """A word in folded text; group 1 is a run of what is written without spaces."""
        self.unit = re.compile(rf"{joined_signs}|(?s:.)(?:(?![\x00-\x7f]){after})*")
        """The smallest piece that can be folded alone: a character with the marks that follow it."""
        self.fold_unit = lru_cache(maxsize=4096)(self.fold)
        self._plain = str.maketrans({**alike, **_characters().digits, **dict.fromkeys(left_out, "")})
        self._fold_signs = fold_signs

    def fold(self, text: str) -> str:
        if text.isascii():
            return text.lower()
        apart = self._fold_signs(_FRACTION.sub(" ", without_excess(text)))  # else 99½ would become 991
        plain = unicodedata.normalize("NFKD", apart).casefold().translate(self._plain)
        return unicodedata.normalize("NFC", plain)


_OF = {
    Reading.FIRST: lambda: Letters(left_out=_characters().left_out, alike=_LETTERS, unspaced=UNSPACED),
    Reading.SECOND: lambda: Letters(
        left_out=_characters().left_out | _SKIN_TONES,
        alike=_LETTERS | _ARABIC,
        unspaced=UNSPACED + _KOREAN,
        signs=emoji.WORD,
        joined_signs=emoji.WHOLE,
        fold_signs=emoji.folded_emoji,
    ),
}


@cache
def letters_of(reading: Reading) -> Letters:
    """The letters of a version. Its patterns take long to compile, and mostly only the newest is needed."""
    return _OF[reading]()
