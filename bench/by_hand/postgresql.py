"""The best statements that can be written by hand for PostgreSQL: no document has a second part."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.by_hand.statements import BUSY, COUNTED, FOUND, QUIET, ByHand, ids_of, less, positions, within
from bench.generating import NOBODY_SAYS, word_of
from bench.queries import OTHERS
from earwitness.archive.text.common_words import in_pairs


def _said(*words: str, operator: str = "&") -> str:
    asked = f" {operator} ".join(f"''{word}''" for word in words)
    return f"document @@ '{asked}'::tsquery"


_COMMON = _said(word_of(0))
_AT_LUNCH = "extract(hour FROM to_timestamp(started_at / 1000.0) AT TIME ZONE 'Europe/London') = 12"


def _texts(condition: str, *others: str) -> Sequence[str]:
    """Statements that use the text index, or that read along the timeline."""
    return (
        positions("recording_text", condition, *others),
        "SELECT r.position FROM recordings r JOIN recording_text t ON t.position = r.position"
        f" WHERE {' AND '.join((condition, *(other.replace('position', 'r.position') for other in others)))}",
    )


def _both(endpoint: str, said: str) -> Sequence[str]:
    of_endpoint = positions("recording_endpoints", endpoint, distinct=True)
    return (
        f"SELECT position FROM ({of_endpoint}) e JOIN recording_text t USING (position) WHERE {said}",
        f"{of_endpoint} INTERSECT {positions('recording_text', said)}",
        f"{positions('recording_text', said)} AND position IN ({of_endpoint})",
        f"{of_endpoint} AND EXISTS (SELECT FROM recording_text t"
        f" WHERE t.position = recording_endpoints.position AND {said})",
    )


def by_hand(asked: Mapping[str, Any]) -> ByHand:
    ids = ids_of(asked["ten thousand ids"])
    found: dict[str, Sequence[str]] = {
        "rare word": _texts(_said(NOBODY_SAYS)),
        "medium word": _texts(_said(word_of(3000))),
        "common word": _texts(_COMMON),
        "two common words": _texts(_said(word_of(3), word_of(9))),
        "common phrase": _texts(_said(*in_pairs([word_of(0), word_of(1)]))),
        "phrase without pairs": _texts(_said(*OTHERS, operator="<->")),
        "common word of a day": _texts(_COMMON, within("position", "one day")),
        "all but a word": (
            positions("recording_text", f"NOT {_COMMON}"),
            f"{positions('recordings')} EXCEPT {positions('recording_text', _COMMON)}",
            "SELECT r.position FROM recordings r WHERE NOT EXISTS"
            f" (SELECT FROM recording_text t WHERE t.position = r.position AND {_COMMON})",
        ),
        "quiet endpoint, common word": _both(QUIET, _COMMON),
        "busy endpoint, common word": _both(BUSY, _COMMON),
        "lunchtime in London": (*FOUND["lunchtime in London"], positions("recordings", _AT_LUNCH)),
        "ten thousand ids": (
            positions("recordings", f"interaction_id = ANY ('{{{ids}}}'::bigint[])"),
            f"SELECT position FROM unnest('{{{ids}}}'::bigint[]) listed (id)"
            " JOIN recordings ON interaction_id = id",
        ),
    }
    counted = {"all but a word": (less(f"SELECT count(*) FROM recording_text WHERE {_COMMON}"),)}
    return ByHand(FOUND | found, COUNTED | counted)
