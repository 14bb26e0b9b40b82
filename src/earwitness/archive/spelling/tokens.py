"""Words, as everything that is kept and everything that is asked is read.

One reading serves both databases and both sides: SQLite and PostgreSQL are handed these tokens, joined
by spaces, and so cannot disagree about accents, hyphens or Chinese. A token is lower case and holds
nothing that FTS5's `ascii` tokenizer would separate or change.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from itertools import islice

from earwitness.archive.spelling.emoji import SKIN_TONES
from earwitness.archive.spelling.letters import JOINING, UNSPACED, letters_of
from earwitness.archive.spelling.letters import NEWEST as NEWEST
from earwitness.archive.spelling.letters import Reading as Reading
from earwitness.archive.spelling.phone_numbers import phone_numbers

LONGEST_TOKEN = 64
"""Characters; at most 256 bytes of UTF-8. A longer word is cut into pieces, which is a phrase of them."""

SEPARATOR = "\ue000"
"""The token between two fields. A private-use character is no letter, so no question can hold it, and
no phrase reaches across."""

_ASCII_WORD = re.compile(f"[0-9a-z]{{1,{LONGEST_TOKEN}}}")
# Chinese has no spaces, but stops and commas, which no token reaches over either.
_CHUNK = re.compile(r"[^\s\u3001\u3002\uff01\uff0c\uff1a\uff1b\uff1f]+")
_BETWEEN_CHARACTERS = re.compile(rf"(?<!\u200d)(?!{JOINING}|[{SKIN_TONES}])")
_FLAG_LETTERS = "".join(map(chr, range(0x1F1E6, 0x1F200)))
_BETWEEN_WORDS = re.compile(rf"(?:(?<=[\s{UNSPACED}])|(?=[\s{UNSPACED}])){_BETWEEN_CHARACTERS.pattern}")


def fold(text: str, reading: Reading = NEWEST) -> str:
    """Reduce a text to what is compared: no case, no accents, no compatibility forms (`ﬁ`, `Ａ`, `²`).

    Folding twice changes nothing, and a text folds piece by piece: each character with the marks that
    follow it.
    """
    return letters_of(reading).fold(text)


def tokens(text: str, reading: Reading = NEWEST) -> list[str]:
    """Read the tokens of a text: its runs of letters and digits, folded, and its emoji.

    Where words are written without spaces a run c1…cn becomes its pairs c1c2, c2c3, … and its last
    character alone, so that every character of it begins exactly one token.
    """
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    found: list[str] = []
    read_before = _READ_BEFORE[reading]  # most chunks are words, and most words were met before
    for chunk in text.split():
        found += read_before(chunk) if len(chunk) <= _SHORT else _read(reading, chunk)
    return found


def _read(reading: Reading, chunk: str) -> Sequence[str]:
    """The tokens of a text without white space."""
    folded = fold(chunk, reading)
    if folded.isascii():
        return _ASCII_WORD.findall(folded)
    return [token for token, _, _ in _cut(folded, reading)]


_SHORT = 24
_READ_BEFORE = {reading: lru_cache(maxsize=8192)(partial(_read, reading)) for reading in Reading}


def spans(text: str, reading: Reading = NEWEST) -> Iterator[tuple[str, int, int]]:
    """Read the same tokens, each with the [start, end) of where it stands in the text as given."""
    if text.isascii():
        yield from _cut(text.lower(), reading)
        return
    for chunk in _CHUNK.finditer(text):
        folded, origin = _traced(chunk[0], reading)
        for token, start, end in _cut(folded, reading):
            yield token, chunk.start() + origin[start][0], chunk.start() + origin[end - 1][1]


def span(text: str, first: int, count: int, reading: Reading = NEWEST) -> tuple[int, int]:
    """Tell the [start, end) of so many tokens, from the first on, in the text as given."""
    start = 0
    for chunk in _CHUNK.finditer(text):  # spans are traced slowly, and wanted of few
        here = len(tokens(chunk[0], reading))
        if first < here:
            start = chunk.start()
            break
        first -= here
    found = list(islice(spans(text[start:], reading), first, first + count))
    return start + found[0][1], start + found[-1][2]


def phone_number_span(
    text: str, is_asked: Callable[[str], bool], reading: Reading = NEWEST
) -> tuple[int, int] | None:
    """Tell the [start, end) of the first phone number that is asked for, in the text as given."""
    numbers = phone_numbers(fold(text, reading))
    found = min(((start, end) for number, start, end in numbers if is_asked(number)), default=None)
    if found is None or text.isascii():
        return found
    return _origin(text, found[0], reading)[0], _origin(text, found[1] - 1, reading)[1]


def query_tokens(text: str, reading: Reading = NEWEST) -> tuple[list[str], bool]:
    """Read the tokens a phrase asks for, and whether the last may be the beginning of a word.

    A phrase that ends inside a run without spaces asks for its pairs alone, whatever follows; one
    character, which has no pair, asks for any token that it begins.
    """
    found = tokens(text, reading)
    if not found or not _is_unspaced(found[-1], reading):
        return found, False
    if len(found) > 1 and len(found[-2]) == 2 and _is_unspaced(found[-2], reading):
        return found[:-1], False
    return found, True


def document_tokens(fields: Iterable[str], reading: Reading = NEWEST) -> list[str]:
    """Read a recording's fields (a participant, the transcript, …) as one sequence of tokens.

    The phone numbers of each follow it in one, each as a field of its own.
    """
    joined: list[str] = []
    for text in fields:
        if found := tokens(text, reading):
            if joined:
                joined.append(SEPARATOR)
            joined += found
            if text.isascii() or any(token[0] in "0123456789" for token in found):  # folding takes long
                for number, _, _ in phone_numbers(fold(text, reading)):
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


def _is_unspaced(token: str, reading: Reading) -> bool:
    found = letters_of(reading).word.match(token)
    return found is not None and found[1] is not None


def _cut(folded: str, reading: Reading) -> Iterator[tuple[str, int, int]]:
    for found in letters_of(reading).word.finditer(folded):
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


def _origin(text: str, at: int, reading: Reading) -> tuple[int, int]:
    """The [start, end) in the text as given of what became a character of the folded text."""
    ended = 0
    for chunk in _CHUNK.finditer(text):
        at -= chunk.start() - ended  # what lies between chunks is folded one by one
        length = len(fold(chunk[0], reading))
        if at < length:
            start, end = _traced(chunk[0], reading)[1][at]
            return chunk.start() + start, chunk.start() + end
        at -= length
        ended = chunk.end()
    raise IndexError(at)


def _traced(chunk: str, reading: Reading) -> tuple[str, list[tuple[int, int]]]:
    """Fold a chunk, keeping for each folded character the [start, end) it comes from."""
    folded = ""
    origin: list[tuple[int, int]] = []
    letters = letters_of(reading)
    for unit in letters.unit.finditer(chunk):
        piece = letters.fold_unit(unit[0]) if len(unit[0]) <= 4 else letters.fold(unit[0])
        folded += piece
        origin += [unit.span()] * len(piece)
    return folded, origin
