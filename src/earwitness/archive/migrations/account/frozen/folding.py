"""How 0008 and 0009 fold texts, identifiers and names: as the program folded them then.

A copy, and never changed: what a migration makes of an archive must not change when the program does. Only
Python's own tables of Unicode may be newer.
"""

import re
import unicodedata
from collections.abc import Iterable

LONGEST_WORD = 512

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)

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


_STACKED = rf"(?:(?![\x00-\x7f]){_one_of(_MARKS | _span(0xFF9E, 0xFF9F))})"
_EXCESS = re.compile(rf"({_STACKED}{{30}}){_STACKED}+")
_FRACTION = re.compile("(?=[¼½¾⅐-⅟↉])")
_PLAIN = str.maketrans({**_LETTERS, **_ARABIC, **_DIGITS, **dict.fromkeys(_LEFT_OUT | _SKIN_TONES, "")})

_PICTURES = (
    "\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u2388\u23cf\u23e9-\u23f3\u23f8-\u23fa"
    "\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2600-\u2767\u2794-\u27bf\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c\u2b50"
    "\u2b55\u3030\u303d\U0001f000-\U0001f0ff\U0001f10d-\U0001f10f\U0001f12f\U0001f16d-\U0001f171"
    "\U0001f17e\U0001f17f\U0001f18e\U0001f191-\U0001f19a\U0001f1ad-\U0001f1e5\U0001f203-\U0001f20f"
    "\U0001f23c-\U0001f23f\U0001f249-\U0001f24f\U0001f252-\U0001f3fa\U0001f400-\U0001f53d\U0001f546-\U0001f64f"
    "\U0001f680-\U0001f6ff\U0001f774-\U0001f77f\U0001f7d5-\U0001f7ff\U0001f80c-\U0001f80f\U0001f848-\U0001f84f"
    "\U0001f85a-\U0001f85f\U0001f888-\U0001f88f\U0001f8ae-\U0001f8ff\U0001f90c-\U0001f93a\U0001f93c-\U0001f945"
    "\U0001f947-\U0001faff\U0001fc00-\U0001fffd"
)
_LOOKS = "[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]*"
_JOINED = rf"[{_PICTURES}]{_LOOKS}(?:\u200d[{_PICTURES}]{_LOOKS})+"
_FLAG_OF_A_PART = "\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,16}\U000e007f?"  # Wales
_WHOLE = re.compile(f"{_JOINED}|{_FLAG_OF_A_PART}")
_SEX = re.compile("\u200d[\u2640\u2642]")
_MAN_OR_WOMAN_AT_WORK = re.compile(
    f"^[\U0001f468\U0001f469](?={_LOOKS}\u200d[^\u2764\U0001f466-\U0001f469\U0001f476\U0001f48b\U0001f91d\U0001f9d1\U0001f9d2])"
)
_SHOWN = {0xE0000 + letter: 0xF0000 + letter for letter in range(0x30, 0x7B)}
_TYPED = str.maketrans(dict.fromkeys("’‘‛`´′ʹˊˋˈ՚׳ꞌ＇｀", "'") | dict.fromkeys("‐‑‒–—―−⁃֊־᠆﹘﹣－", "-"))


def fold(text: str) -> str:
    """A text without case, accents and compatibility forms."""
    if text.isascii():
        return text.lower()
    apart = _with_emoji_whole(_FRACTION.sub(" ", without_excess(text)))
    plain = unicodedata.normalize("NFKD", apart).casefold().translate(_PLAIN)
    return unicodedata.normalize("NFC", plain)


def fold_name(text: str) -> str:
    """The same of a name, with one apostrophe and one hyphen for all there are."""
    return fold(without_invisible(text).translate(_TYPED))


def folded_identifier(text: str) -> str:
    """What makes two identifiers the same: NFKC_Casefold (Unicode Standard, 3.13), without surrounding space.

    Accents stay: `rene` and `rené` are two. Folding twice changes nothing.
    """
    if text.isascii():
        return text.strip().lower()
    bounded = without_excess(_INVISIBLE.sub("", text))
    apart = without_excess(unicodedata.normalize("NFD", bounded))  # ΐ has two marks: fold it twice, the same
    folded = unicodedata.normalize("NFKC", apart.casefold())
    visible = _INVISIBLE.sub("", folded)
    return unicodedata.normalize("NFKC", visible.casefold()).strip()


def without_invisible(text: str) -> str:
    """A text without the characters that are not drawn."""
    return text if text.isascii() else _INVISIBLE.sub("", text)


def without_excess(text: str) -> str:
    """A text with no more marks on a letter than any script puts there, 30 (UAX #15, 13).

    To put n of them in order takes n² steps, in which nobody else gets a turn.
    """
    return _EXCESS.sub(r"\1", text)


def _with_emoji_whole(text: str) -> str:
    return _WHOLE.sub(_as_one, text) if "\u200d" in text or "\U0001f3f4" in text else text


def _as_one(found: re.Match[str]) -> str:
    neither = _MAN_OR_WOMAN_AT_WORK.sub("\U0001f9d1", _SEX.sub("", found[0]))
    return neither.replace("\u200d", "\ue002").translate(_SHOWN)
