"""The passage of a text that matches a query, to be shown."""

import re
from collections.abc import Iterator
from functools import lru_cache

from earwitness.archive.spelling.phone_numbers import FEWEST_DIGITS
from earwitness.archive.spelling.tokens import (
    LONGEST_TOKEN,
    NEWEST,
    Reading,
    cuts,
    phone_number_span,
    span,
    tokens,
)
from earwitness.archive.text.query import All, Either, Node, Not, Phrase, place


def snippet(text: str, node: Node | None, limit: int = 200, reading: Reading = NEWEST) -> str:
    """The first passage in which a word or phrase of the query is found, else the opening.

    At most `limit` characters (20 or more), white space collapsed, cut between words; `…` marks a cut.
    `reading` is that of the query.
    """
    # The space is the only printable white space, and most texts have no other.
    flat = text.strip() if text.isprintable() and "  " not in text else " ".join(text.split())
    if len(flat) <= limit:
        return flat
    start, end = (_passage(flat, node, reading) if node else None) or (0, 0)
    end = min(end, start + limit // 2)
    first = max(0, min((start + end - limit) // 2, len(flat) - limit))
    last = first + limit
    opening = closing = ""
    if last < len(flat):
        space = flat.rfind(" ", end, last)
        last, closing = space if space > 0 else max(cuts(flat, end, last)), "…"
    if first > 0:
        space = flat.find(" ", first + 1, start + 1)
        first, opening = space if space > 0 else min(cuts(flat, first + 1, start + 1)), "…"
    return f"{opening}{flat[first:last].strip()}{closing}"


def _passage(text: str, node: Node, reading: Reading) -> tuple[int, int] | None:
    found = (_in_one(text, node, reading), _said(text, node, reading))
    return min((one for one in found if one is not None), default=None)


def _in_one(text: str, node: Node, reading: Reading) -> tuple[int, int] | None:
    """Where a phone number stands whose digits were asked as one token, however they are grouped."""
    asked = [phrase for phrase in _phrases_of(node) if _may_be_number(phrase)]
    if not asked:
        return None
    return phone_number_span(
        text, lambda number: any(place(one, [number]) is not None for one in asked), reading
    )


def _may_be_number(phrase: Phrase) -> bool:
    digits = phrase.tokens[0]
    return len(phrase.tokens) == 1 and digits.isdigit() and (phrase.prefix or len(digits) >= FEWEST_DIGITS)


def _said(text: str, node: Node, reading: Reading) -> tuple[int, int] | None:
    if text.isascii() and (pattern := _plain_pattern(node)):
        hit = pattern.search(text.lower())
        if hit is not None:
            return hit.span()
        if max(map(len, text.split())) <= LONGEST_TOKEN:  # longer words are read in pieces
            return None
    document = tokens(text, reading)
    found = [
        (at, len(phrase.tokens))
        for phrase in _phrases_of(node)
        if (at := place(phrase, document)) is not None
    ]
    if not found:
        return None
    at, length = min(found)
    return span(text, at, length, reading)


@lru_cache(64)
def _plain_pattern(node: Node) -> re.Pattern[str] | None:
    """A regular expression for the query in plain text. A page has many texts, and one query."""
    phrases = list(_phrases_of(node))
    if not phrases or not all(token.isascii() for phrase in phrases for token in phrase.tokens):
        return None
    return re.compile("|".join(map(_expression, phrases)))


def _expression(phrase: Phrase) -> str:
    """The expression for a phrase. It begins with a literal token, which is searched for fastest."""
    first = phrase.tokens[0]
    rest = "[^0-9a-z]+".join(phrase.tokens)[len(first) :]
    end = "[0-9a-z]*" if phrase.prefix else "(?![0-9a-z])"
    return f"{first}(?<![0-9a-z]{first}){rest}{end}"


def _phrases_of(node: Node, included: bool = True) -> Iterator[Phrase]:
    """The phrases that a text has to have, without those that the query excludes."""
    match node:
        case Phrase():
            if included:
                yield node
        case Not(part):
            yield from _phrases_of(part, not included)
        case All(parts) | Either(parts):
            for part in parts:
                yield from _phrases_of(part, included)
