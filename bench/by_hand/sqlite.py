"""The best statements that can be written by hand for SQLite. Row ids of the text index are positions."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.by_hand.statements import BUSY, COUNTED, FOUND, QUIET, ByHand, ids_of, less, positions, within
from bench.generating import NOBODY_SAYS, word_of
from bench.queries import OTHERS
from earwitness.archive.text.common_words import in_pairs


def _said(match: str, *others: str, selected: str = "rowid AS position") -> str:
    conditions = (f"recording_text MATCH '{match}'", *others)
    return f"SELECT {selected} FROM recording_text WHERE {' AND '.join(conditions)}"


_COMMON = f'"{word_of(0)}"'


def _both(endpoint: str, match: str) -> Sequence[str]:
    of_endpoint = positions("recording_endpoints", endpoint, distinct=True)
    at_endpoint = f"EXISTS (SELECT 1 FROM recording_endpoints WHERE {endpoint} AND position = rowid)"
    return (
        # In order, SQLite merges both.
        f"{positions('recording_endpoints', endpoint)} INTERSECT {_said(match)}",
        _said(match, f"rowid IN ({of_endpoint})"),
        _said(match, at_endpoint),
        f"{of_endpoint} AND EXISTS (SELECT 1 FROM recording_text t WHERE t.rowid = position"
        f" AND ' ' || t.said || ' ' || t.rest || ' ' LIKE '% {match.strip(chr(34))} %')",
    )


def by_hand(asked: Mapping[str, Any]) -> ByHand:
    ids, phrase = ids_of(asked["ten thousand ids"]), " ".join(in_pairs([word_of(0), word_of(1)]))
    found: dict[str, Sequence[str]] = {
        "rare word": (_said(NOBODY_SAYS),),
        "medium word": (_said(word_of(3000)),),
        "common word": (_said(_COMMON),),
        "two common words": (
            _said(f'"{word_of(3)}" "{word_of(9)}"'),
            f"""{_said(f'"{word_of(3)}"')} INTERSECT {_said(f'"{word_of(9)}"')}""",
        ),
        "common phrase": (_said(f'"{phrase}"'),),
        "phrase without pairs": (_said(f'"{" ".join(OTHERS)}"'),),
        "common word of a day": (_said(_COMMON, within("rowid", "one day")),),
        "all but a word": (
            f"{positions('recordings')} EXCEPT {_said(_COMMON)}",
            f"SELECT position FROM recordings WHERE position NOT IN ({_said(_COMMON)})",
        ),
        "quiet endpoint, common word": _both(QUIET, _COMMON),
        "busy endpoint, common word": _both(BUSY, _COMMON),
        "ten thousand ids": (
            positions("recordings", f"interaction_id IN ({ids})"),
            positions("recordings", f"interaction_id IN (SELECT value FROM json_each('[{ids}]'))"),
        ),
    }
    counted = {"all but a word": (less(_said(_COMMON, selected="count(*)")),)}
    return ByHand(FOUND | found, COUNTED | counted)
