"""Words, as everything that is kept and everything that is asked is read.

One reading serves both databases and both sides: SQLite and PostgreSQL are handed these tokens, joined
by spaces, and so cannot disagree about accents, hyphens or Chinese. A token is lower case and holds
nothing that FTS5's `ascii` tokenizer would separate or change.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice

from earwitness.archive.phone_numbers import phone_numbers

LONGEST_TOKEN = 64
"""Characters; at most 256 bytes of UTF-8. A longer word is cut into pieces, which is a phrase of them."""

SEPARATOR = "\ue000"
"""The token between two fields. A private-use character is no letter, so no question can hold it, and
no phrase reaches across."""

# Chinese and Japanese, then Thai, Lao, Myanmar and Khmer. Their digits are not here: they are folded to 0-9.
_UNSPACED = (
    "\u3005-\u3007\u3021-\u3029\u3031-\u3035\u303b\u3041-\u3096\u3099\u309a\u309d-\u309f"
    "\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U0001aff0-\U0001b16f\U00020000-\U000323af"
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ebd\u0ec0-\u0ece\u0edc-\u0edf"
    "\u1000-\u103f\u1050-\u108f\u109a-\u109d\ua9e0-\ua9ef\ua9fa-\ua9fe\uaa60-\uaa76\uaa7a-\uaa7f"
    "\u1780-\u17d3\u17d7\u17dc"
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

# Letters that Unicode does not take apart but people do, and letters that are typed as an apostrophe.
_LETTERS = dict(zip("øłđðħŧıʻʼʾʿ", "olddhti''''", strict=True)) | {"æ": "ae", "œ": "oe", "þ": "th"}
_DIGITS = {digit: str(unicodedata.decimal(digit)) for digit, kind in _KINDS.items() if kind == "Nd"}
_PLAIN = str.maketrans(_LETTERS | _DIGITS | dict.fromkeys(_LEFT_OUT, ""))


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
_KOREAN = _span(0x1160, 0x11FF) | _span(0xD7B0, 0xD7FF) | _span(0x3131, 0x318E) | _span(0xFF9E, 0xFFDC)
_JOINING = _one_of(_MARKS | _LEFT_OUT | _KOREAN)
_SPELLING = _one_of(re.sub(f"[{_UNSPACED}]", "", "".join(_MARKS - _LEFT_OUT)))

_ASCII_WORD = re.compile(f"[0-9a-z]{{1,{LONGEST_TOKEN}}}")
_WORD = re.compile(rf"([{_UNSPACED}]+)|[^\W_{_UNSPACED}]+(?:(?![\x00-\x7f]){_SPELLING}[^\W_{_UNSPACED}]*)*")
_STACKED = rf"(?:(?![\x00-\x7f]){_one_of(_MARKS | _span(0xFF9E, 0xFF9F))})"
_EXCESS = re.compile(rf"({_STACKED}{{30}}){_STACKED}+")
_FRACTION = re.compile("(?=[¼½¾⅐-⅟↉])")
# Chinese has no spaces, but stops and commas, which no token reaches over either.
_CHUNK = re.compile(r"[^\s\u3001\u3002\uff01\uff0c\uff1a\uff1b\uff1f]+")
_UNIT = re.compile(rf"(?s:.)(?:(?![\x00-\x7f]){_JOINING})*")
_BETWEEN_CHARACTERS = re.compile(rf"(?<!\u200d)(?!{_JOINING}|[\U0001f3fb-\U0001f3ff])")
_FLAG_LETTERS = "".join(map(chr, range(0x1F1E6, 0x1F200)))
_BETWEEN_WORDS = re.compile(rf"(?:(?<=[\s{_UNSPACED}])|(?=[\s{_UNSPACED}])){_BETWEEN_CHARACTERS.pattern}")


def fold(text: str) -> str:
    """Reduce a text to what is compared: no case, no accents, no compatibility forms (`ﬁ`, `Ａ`, `²`).

    Folding twice changes nothing, and a text folds piece by piece: each character with the marks that
    follow it.
    """
    if text.isascii():
        return text.lower()
    # No script puts more than 30 marks on a letter (UAX #15, 13); putting n in order takes n² steps.
    bounded = _EXCESS.sub(r"\1", text)
    apart = _FRACTION.sub(" ", bounded)  # or 99½ would read 991
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKD", apart).casefold().translate(_PLAIN))


def tokens(text: str) -> list[str]:
    """Read the tokens of a text: its runs of letters and digits, folded.

    Where words are written without spaces a run c1…cn becomes its pairs c1c2, c2c3, … and its last
    character alone, so that every character of it begins exactly one token.
    """
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    found: list[str] = []
    for chunk in text.split():
        found += _tokens_of(chunk)
    return found


def _tokens_of(chunk: str) -> Sequence[str]:
    """The tokens of a text without white space: most are words, and most words were met before."""
    return _read_before(chunk) if len(chunk) <= _SHORT else _read(chunk)


def _read(chunk: str) -> Sequence[str]:
    folded = fold(chunk)
    return _ASCII_WORD.findall(folded) if folded.isascii() else [token for token, _, _ in _cut(folded)]


_SHORT = 24
_read_before = lru_cache(maxsize=8192)(_read)


def spans(text: str) -> Iterator[tuple[str, int, int]]:
    """Read the same tokens, each with the [start, end) of where it stands in the text as given."""
    if text.isascii():
        yield from _cut(text.lower())
        return
    for chunk in _CHUNK.finditer(text):
        folded, origin = _traced(chunk[0])
        for token, start, end in _cut(folded):
            yield token, chunk.start() + origin[start][0], chunk.start() + origin[end - 1][1]


def span(text: str, first: int, count: int) -> tuple[int, int]:
    """Tell the [start, end) of so many tokens, from the first on, in the text as given."""
    start = 0
    for chunk in _CHUNK.finditer(text):  # spans are traced slowly, and wanted of few
        here = len(_tokens_of(chunk[0]))
        if first < here:
            start = chunk.start()
            break
        first -= here
    found = list(islice(spans(text[start:]), first, first + count))
    return start + found[0][1], start + found[-1][2]


def phone_number_span(text: str, is_asked: Callable[[str], bool]) -> tuple[int, int] | None:
    """Tell the [start, end) of the first phone number that is asked for, in the text as given."""
    found = min(
        ((start, end) for number, start, end in phone_numbers(fold(text)) if is_asked(number)), default=None
    )
    if found is None or text.isascii():
        return found
    return _origin(text, found[0])[0], _origin(text, found[1] - 1)[1]


def query_tokens(text: str) -> tuple[list[str], bool]:
    """Read the tokens a phrase asks for, and whether the last may be the beginning of a word.

    A phrase that ends inside a run without spaces asks for its pairs alone, whatever follows; one
    character, which has no pair, asks for any token that it begins.
    """
    found = tokens(text)
    if not found or not _is_unspaced(found[-1]):
        return found, False
    if len(found) > 1 and len(found[-2]) == 2 and _is_unspaced(found[-2]):
        return found[:-1], False
    return found, True


def document_tokens(fields: Iterable[str]) -> list[str]:
    """Read a recording's fields (a participant, the transcript, …) as one sequence of tokens.

    The phone numbers of each follow it in one, each as a field of its own.
    """
    joined: list[str] = []
    for text in fields:
        if found := tokens(text):
            if joined:
                joined.append(SEPARATOR)
            joined += found
            if text.isascii() or any(token[0] in "0123456789" for token in found):  # folding takes long
                for number, _, _ in phone_numbers(fold(text)):
                    joined += (SEPARATOR, number)
    return joined


def cuts(text: str, start: int, end: int) -> list[int]:
    """List where in [start, end) a text may be cut: between words or, where one fills it, characters."""
    for between in _BETWEEN_WORDS, _BETWEEN_CHARACTERS:
        places = (place.start() for place in between.finditer(text, start, end))
        found = [at for at in places if at < end and not _is_inside_a_flag(text, at)]
        if found:
            return found
    return [start]


def _is_inside_a_flag(text: str, at: int) -> bool:
    """Whether a cut would part the two letters that a flag is written with."""
    if text[at] not in _FLAG_LETTERS:
        return False
    before = text[:at]
    return (len(before) - len(before.rstrip(_FLAG_LETTERS))) % 2 == 1


def _is_unspaced(token: str) -> bool:
    found = _WORD.match(token)
    return found is not None and found[1] is not None


def _cut(folded: str) -> Iterator[tuple[str, int, int]]:
    for found in _WORD.finditer(folded):
        start, end = found.span()
        if found[1]:
            for at in range(start, end - 1):
                yield folded[at : at + 2], at, at + 2
            yield folded[end - 1], end - 1, end
        elif end - start <= LONGEST_TOKEN:
            yield found[0], start, end
        else:
            for at in range(start, end, LONGEST_TOKEN):
                until = min(at + LONGEST_TOKEN, end)
                yield folded[at:until], at, until


def _origin(text: str, at: int) -> tuple[int, int]:
    """The [start, end) in the text as given of what became a character of the folded text."""
    ended = 0
    for chunk in _CHUNK.finditer(text):
        at -= chunk.start() - ended  # what lies between chunks is folded one by one
        length = len(fold(chunk[0]))
        if at < length:
            start, end = _traced(chunk[0])[1][at]
            return chunk.start() + start, chunk.start() + end
        at -= length
        ended = chunk.end()
    raise IndexError(at)


def _traced(chunk: str) -> tuple[str, list[tuple[int, int]]]:
    """Fold a chunk, keeping for each folded character the [start, end) it comes from."""
    folded = ""
    origin: list[tuple[int, int]] = []
    for unit in _UNIT.finditer(chunk):
        piece = _fold_unit(unit[0]) if len(unit[0]) <= 4 else fold(unit[0])
        folded += piece
        origin += [unit.span()] * len(piece)
    return folded, origin


_fold_unit = lru_cache(maxsize=4096)(fold)
