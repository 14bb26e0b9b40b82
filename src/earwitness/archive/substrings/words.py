"""freeText over users, people and endpoints: every word must be in one of the texts, compared as names are.

The databases cannot fold Unicode as this does. So texts are stored folded (`folded.py`), and until all are,
rows are read and compared here.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any

from msgspec import Meta

from earwitness.archive.spelling.addresses import digits_of, number_in
from earwitness.archive.spelling.names import fold_name, without_apostrophes

# Folding may make it many times as long, and SQLite takes patterns of up to 50,000 bytes.
FreeText = Annotated[str, Meta(max_length=1000)]


def search_words(free_text: str | None) -> list[str]:
    """The words of a search, folded, each once; none if the text is blank or absent.

    A text that is a phone number only as a whole, such as `+44 (0)20`, is one word.
    """
    words = list(map(without_apostrophes, fold_name(free_text or "").split()))
    number = number_in(free_text or "")
    if number is not None and _written_apart(words) not in {number, f"00{number}"}:
        return [number]
    return list(dict.fromkeys(words))


def _written_apart(words: Sequence[str]) -> str:
    return "".join(digits_of(word) or "" for word in words)


def contains_all(words: Sequence[str], texts: Iterable[str | None], numbers: Sequence[str] = ()) -> bool:
    """Whether each word is part of one of the texts, or of a phone number in any spelling."""
    folded = without_apostrophes(fold_name("\n".join(text for text in texts if text)))
    return all(word in folded or _is_in_a_number(word, numbers) for word in words)


def _is_in_a_number(word: str, numbers: Sequence[str]) -> bool:
    digits = digits_of(word) if numbers else None
    if digits is None:
        return False
    whole = digits.removeprefix("00") or digits
    return any(digits in number or number.startswith(whole) for number in numbers)


def values_in(metadata: Any) -> Iterator[str]:
    """The values of metadata at any depth, as texts, without the keys."""
    match metadata:
        case dict():
            for member in metadata.values():
                yield from values_in(member)
        case list():
            for item in metadata:
                yield from values_in(item)
        case None:
            return
        case _:
            yield str(metadata)


def begins_a_word(prefix: str, name: str) -> bool:
    """Whether a word of the name begins with the prefix, with or without its apostrophes."""
    return _is_at_a_start(prefix, name) or _is_at_a_start(*map(without_apostrophes, (prefix, name)))


def _is_at_a_start(prefix: str, name: str) -> bool:
    """Whether the prefix begins the name, or comes after a character that is no letter, mark or digit."""
    at = name.find(prefix)
    while at > 0 and unicodedata.category(name[at - 1])[0] in "LMN":
        at = name.find(prefix, at + 1)
    return at >= 0
