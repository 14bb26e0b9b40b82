"""Searches on SQLite by hand."""

from collections.abc import Sequence

from bench.by_hand.plain import (
    AT_LUNCH_BY_ARITHMETIC,
    BUSY,
    IDS,
    ON_DAY,
    PLAIN,
    PLAIN_TOTALS,
    QUIET,
    Statements,
    positions,
)
from bench.generating import NOBODY_SAYS, word_of
from bench.queries import RARER
from earwitness.archive.text.common_words import in_pairs


def _said(*phrases: str) -> str:
    asked = " AND ".join(f'"{phrase}"' for phrase in phrases)
    return f"recording_text MATCH '{asked}'"


_COMMON = _said(word_of(0))


def _texts(condition: str, *others: str) -> Sequence[str]:
    """The index of words, read by position, alone or with the recordings beside it."""
    with_rowid = [other.replace("position", "rowid") for other in others]
    return (
        f"SELECT rowid AS position FROM recording_text WHERE {' AND '.join((condition, *with_rowid))}",
        positions("recordings", *others, f"position IN (SELECT rowid FROM recording_text WHERE {condition})"),
    )


def _both(endpoint: str, said: str) -> Sequence[str]:
    of_endpoint = positions("recording_endpoints", endpoint, distinct=True)
    texts = f"SELECT rowid AS position FROM recording_text WHERE {said}"
    return (
        f"{texts} INTERSECT {of_endpoint}",
        f"{texts} AND rowid IN ({of_endpoint})",
        f"{of_endpoint} AND position IN ({texts})",
    )


FOUND: Statements = PLAIN | {
    "rare word": _texts(_said(NOBODY_SAYS)),
    "medium word": _texts(_said(word_of(3000))),
    "common word": _texts(_COMMON),
    "two common words": _texts(_said(word_of(3), word_of(9))),
    "common phrase": _texts(_said(" ".join(in_pairs([word_of(0), word_of(1)])))),
    "phrase of rarer words": _texts(_said(" ".join(RARER))),
    "common word of a day": _texts(_COMMON, ON_DAY),
    "all but a word": (
        positions("recordings", f"position NOT IN (SELECT rowid FROM recording_text WHERE {_COMMON})"),
        f"{positions('recordings')} EXCEPT SELECT rowid FROM recording_text WHERE {_COMMON}",
    ),
    "quiet endpoint, common word": _both(QUIET, _COMMON),
    "busy endpoint, common word": _both(BUSY, _COMMON),
    "lunchtime in London": (positions("recordings", AT_LUNCH_BY_ARITHMETIC),),
    "ten thousand ids": (
        positions("recordings", f"interaction_id IN ({IDS})"),
        f"SELECT position FROM json_each('[{IDS}]') JOIN recordings ON interaction_id = json_each.value",
    ),
}

TOTALS: Statements = PLAIN_TOTALS | {
    "all but a word": (
        f"SELECT (SELECT count(*) FROM recordings) - (SELECT count(*) FROM recording_text WHERE {_COMMON})",
    ),
}
