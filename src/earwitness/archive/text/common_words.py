"""Words that are in nearly every recording. A phrase of such words alone is looked up by pairs of words.

A database finds a phrase by comparing the places of its words. For `it's` or `let me know` it would do that
in nearly every recording. The pairs `it s`, `let me` and `me know` are in far fewer, so the index has them as
tokens of their own, after the document: decision 0012.
"""

from collections.abc import Sequence
from itertools import pairwise

from earwitness.archive.spelling.tokens import SEPARATOR

# To change this list, every text index has to be written again by a migration. Accents are folded.
_LISTED = """
    the i you and to a it of that in s is we t so on have for do be this just what not was with yeah m
    are okay re me if but can your my they he know no at all as like or don well ll there get about up
    yes good go one then right call would got now will thank him out from let our think an here has see
    she when by been thanks back ve how time really going

    der die und ich das ist nicht sie es ein wir zu in den mit ja auf so eine haben auch dann noch

    le la de et les je est pas que un une vous c on en pour dans des il ce qu oui du ne

    el que y no es en lo un por una los con se si para esta pero muy del al

    il di che non e un per ho sono ma si come mi ci con della

    ik het een van dat niet en wat je dan maar we nog voor ook zijn

    o que nao eu um uma com isso para os se mas por da do
"""
COMMON_WORDS = tuple(dict.fromkeys(_LISTED.split()))
_COMMON = frozenset(COMMON_WORDS)

# A private-use character: no query can contain it, and no prefix begins with it.
_PAIR = "\ue001"


def pairs_of(document: Sequence[str]) -> list[str]:
    """The pairs of common words of a document's tokens, in order."""
    pairs: list[str] = []
    ended = 0
    for at, (first, second) in enumerate(pairwise(document)):
        if first in _COMMON and second in _COMMON:
            if pairs and at != ended and document[ended] == first:
                pairs.append(SEPARATOR)  # or pairs from different places would be neighbours
            pairs.append(_pair(first, second))
            ended = at + 1
    return pairs


def in_pairs(phrase: Sequence[str]) -> Sequence[str]:
    """The tokens by which the index is asked for a phrase: its pairs of words, where all are common."""
    if len(phrase) < 2 or not _COMMON.issuperset(phrase):
        return phrase
    return [_pair(first, second) for first, second in pairwise(phrase)]


def _pair(first: str, second: str) -> str:
    return f"{_PAIR}{first}{_PAIR}{second}"
