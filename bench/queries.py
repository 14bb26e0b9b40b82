"""The searches of the benchmark."""

from typing import Any

from bench.generating import ENGLISH, NOBODY_SAYS, word_of

_DAY = {"dateTimeRange": {"from": "2025-05-14", "to": "2025-05-15"}}
_YEAR = {"dateTimeRange": {"from": "2024-05-14", "to": "2025-05-14"}}
_COMMON, _SECOND = word_of(0), word_of(1)
RARER = word_of(ENGLISH), word_of(ENGLISH + 1)
"""Two words that are not so common that pairs of them are in the text index."""

QUERIES: dict[str, dict[str, Any]] = {
    "one day": _DAY,
    "a third of the archive": _YEAR,
    "everything": {},
    "calls in of a year": {**_YEAR, "direction": "In", "communicationTypes": {"include": ["phone"]}},
    "rare word": {"freeText": NOBODY_SAYS},
    "medium word": {"freeText": word_of(3000)},
    "common word": {"freeText": _COMMON},
    "two common words": {"freeText": f"{word_of(3)} {word_of(9)}"},
    "common phrase": {"freeText": f'"{_COMMON} {_SECOND}"'},
    "phrase of rarer words": {"freeText": f'"{" ".join(RARER)}"'},
    "common word of a day": {**_DAY, "freeText": _COMMON},
    "all but a word": {"freeText": f"-{_COMMON}"},
    "busy endpoint": {"endpointIds": {"include": [1]}},
    "quiet endpoint, common word": {"endpointIds": {"include": [3000]}, "freeText": _COMMON},
    "busy endpoint, common word": {"endpointIds": {"include": [1]}, "freeText": _COMMON},
    "all but the busiest": {"endpointIds": {"exclude": [1]}},
    "tag": {"tagIds": {"include": [1]}},
    "lunchtime in London": {
        "timeRanges": {"include": [{"from": "12:00", "to": "13:00"}], "timeZone": "Europe/London"}
    },
    "between two": {"communicationsBetween": {"first": {"endpointIds": [1]}, "second": {"endpointIds": [2]}}},
    "ten thousand ids": {"recordingIds": {"include": list(range(1, 1_000_000, 100))}},
    "a page far back": {"page": 3000},
}


def queries_of(recordings: int) -> dict[str, dict[str, Any]]:
    """The searches of an archive of so many recordings: a page that it has, and ten thousand of its ids."""
    ids = range(1, recordings + 1, max(recordings // 10_000, 1))
    return QUERIES | {
        "ten thousand ids": {"recordingIds": {"include": list(ids)[:10_000]}},
        "a page far back": {"page": max(recordings * 3 // 1000, 1)},
    }


# The mixed searches of a day's work. In the load test 8 clients choose from them at random.
MIXED = (
    "one day",
    "a third of the archive",
    "calls in of a year",
    "rare word",
    "medium word",
    "common phrase",
    "common word of a day",
    "busy endpoint",
    "quiet endpoint, common word",
    "tag",
    "between two",
    "phrase of rarer words",
)

# The broadest searches: a word of every transcript, a short prefix, exclusions, times of day.
BROAD: tuple[dict[str, Any], ...] = (
    QUERIES["common word"],
    {"freeText": "a*"},
    {"freeText": f"{_COMMON} OR {_SECOND}", **QUERIES["lunchtime in London"]},
    {**QUERIES["all but the busiest"], "durationRangeInSeconds": {"min": 1}},
    QUERIES["lunchtime in London"],
    QUERIES["ten thousand ids"],
)
