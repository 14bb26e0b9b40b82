"""Tokens: the words that documents and queries are split into.

Both databases get these tokens, joined by spaces, for documents and for queries, so they cannot differ in
accents, hyphens or Chinese. A token is lower case, and has nothing that FTS5's `ascii` tokenizer would split
or change.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, lru_cache, partial
from itertools import islice

from earwitness.archive.spelling.emoji import SKIN_TONES
from earwitness.archive.spelling.letters import NEWEST as NEWEST
from earwitness.archive.spelling.letters import UNSPACED, joining, letters_of
from earwitness.archive.spelling.letters import Reading as Reading
from earwitness.archive.spelling.phone_numbers import phone_numbers

LONGEST_TOKEN = 64
"""In characters; at most 256 bytes of UTF-8. A longer word is cut, and becomes a phrase of its pieces."""

SEPARATOR = "\ue000"
"""The token between two fields. It is a private-use character, which no query contains, so no phrase
matches across fields."""

_ASCII_WORD = re.compile(f"[0-9a-z]{{1,{LONGEST_TOKEN}}}")
# Chinese has no spaces, but full stops and commas, at which tokens end, too.
_CHUNK = re.compile(r"[^\s\u3001\u3002\uff01\uff0c\uff1a\uff1b\uff1f]+")
_FLAG_LETTERS = "".join(map(chr, range(0x1F1E6, 0x1F200)))


@cache
def _between_characters() -> re.Pattern[str]:
    return re.compile(rf"(?<!\u200d)(?!{joining()}|[{SKIN_TONES}])")


@cache
def _between_words() -> re.Pattern[str]:
    space = rf"[\s{UNSPACED}]"
    return re.compile(rf"(?:(?<={space})|(?={space})){_between_characters().pattern}")


def fold(text: str, reading: Reading = NEWEST) -> str:
    """Fold a text to what is compared: without case, accents and compatibility forms (`ﬁ`, `Ａ`, `²`).

    Folding twice changes nothing. A text can be folded in pieces: each character with the marks that follow
    it.
    """
    return text.lower() if text.isascii() else letters_of(reading).fold(text)


def tokens(text: str, reading: Reading = NEWEST) -> list[str]:
    """The tokens of a text: its runs of letters and digits, folded, and its emoji.

    In scripts without spaces, a run c1…cn becomes its pairs c1c2, c2c3, … and its last character alone, so
    that exactly one token begins at each character.
    """
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    found: list[str] = []
    read_before = _READ_BEFORE[reading]  # most chunks are words that were read before
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
    """The same tokens, each with its [start, end) in the text as given."""
    if text.isascii():
        yield from _cut(text.lower(), reading)
        return
    for chunk in _CHUNK.finditer(text):
        folded, origin = _traced(chunk[0], reading)
        for token, start, end in _cut(folded, reading):
            yield token, chunk.start() + origin[start][0], chunk.start() + origin[end - 1][1]


def span(text: str, first: int, count: int, reading: Reading = NEWEST) -> tuple[int, int]:
    """The [start, end) of `count` tokens, from the first on, in the text as given."""
    start = 0
    for chunk in _CHUNK.finditer(text):  # tracing is slow, so only the chunks that are needed are traced
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
    """The [start, end), in the text as given, of the first phone number for which `is_asked` is true."""
    numbers = phone_numbers(fold(text, reading))
    found = min(((start, end) for number, start, end in numbers if is_asked(number)), default=None)
    if found is None or text.isascii():
        return found
    return _origin(text, found[0], reading)[0], _origin(text, found[1] - 1, reading)[1]


def query_tokens(text: str, reading: Reading = NEWEST) -> tuple[list[str], bool]:
    """The tokens of a phrase in a query, and whether the last one may be the beginning of a word.

    If a phrase ends in a run without spaces, only the pairs of the run are looked for, whatever follows.
    One character alone has no pair: it finds any token that begins with it.
    """
    found = tokens(text, reading)
    if not found or not _is_unspaced(found[-1], reading):
        return found, False
    if len(found) > 1 and len(found[-2]) == 2 and _is_unspaced(found[-2], reading):
        return found[:-1], False
    return found, True


def document_tokens(fields: Iterable[str], reading: Reading = NEWEST) -> list[str]:
    """The tokens of a recording's fields (a participant, the transcript, …), in one sequence.

    The phone numbers in a field follow it, each as one token and a field of its own.
    """
    joined: list[str] = []
    for text in fields:
        if found := tokens(text, reading):
            if joined:
                joined.append(SEPARATOR)
            joined += found
            if text.isascii() or any(token[0] in "0123456789" for token in found):  # folding is slow
                for number, _, _ in phone_numbers(fold(text, reading)):
                    joined += (SEPARATOR, number)
    return joined


def cuts(text: str, start: int, end: int) -> list[int]:
    """Where in [start, end) a text may be cut: between words, or between characters if one word fills it."""
    for between in _between_words(), _between_characters():
        places = (place.start() for place in between.finditer(text, start, end))
        found = [at for at in places if at < end and not _is_inside_a_flag(text, at)]
        if found:
            return found
    return [start]


def _is_inside_a_flag(text: str, at: int) -> bool:
    """Whether a cut would separate the two letters of a flag."""
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
    """The [start, end), in the text as given, of what became this character of the folded text."""
    ended = 0
    for chunk in _CHUNK.finditer(text):
        at -= chunk.start() - ended  # between chunks, each character folds to one
        length = len(fold(chunk[0], reading))
        if at < length:
            start, end = _traced(chunk[0], reading)[1][at]
            return chunk.start() + start, chunk.start() + end
        at -= length
        ended = chunk.end()
    raise IndexError(at)


def _traced(chunk: str, reading: Reading) -> tuple[str, list[tuple[int, int]]]:
    """Fold a chunk. With it, for each folded character, the [start, end) that it comes from."""
    folded = ""
    origin: list[tuple[int, int]] = []
    letters = letters_of(reading)
    for unit in letters.unit.finditer(chunk):
        piece = letters.fold_unit(unit[0]) if len(unit[0]) <= 4 else letters.fold(unit[0])
        folded += piece
        origin += [unit.span()] * len(piece)
    return folded, origin
