"""The searches of the benchmark."""

from typing import Any

from bench.generating import NOBODY_SAYS, word_of
from earwitness.archive.search.search import DEFAULT_PAGE_SIZE

_DAY = {"dateTimeRange": {"from": "2025-05-14", "to": "2025-05-15"}}
_YEAR = {"dateTimeRange": {"from": "2024-05-14", "to": "2025-05-14"}}
_COMMON, _SECOND = word_of(0), word_of(1)
OTHERS = word_of(88), word_of(94)
"""Two neighbours in some sentences, and so common that many recordings have both; but not as a pair."""

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
    "phrase without pairs": {"freeText": f'"{" ".join(OTHERS)}"'},
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
}
"""Searches of an archive of any size."""

# The mixed searches of a day's work. In the load test 8 clients choose from them at random.
MIXED = ("one day", "rare word", "medium word", "common word of a day", "quiet endpoint, common word", "tag")

# The same with others that a session of work has, also broad ones.
MIXED_TWELVE = (
    *MIXED,
    "everything",
    "a third of the archive",
    "calls in of a year",
    "common phrase",
    "busy endpoint",
    "between two",
)


def queries_of(recordings: int) -> dict[str, dict[str, Any]]:
    """All searches, also those that depend on how many recordings there are.

    These are a page three tenths of the way back, which is full, and ids of 10,000 recordings that are there.
    """
    ids = list(range(1, recordings + 1, max(1, recordings // 10_000)))[:10_000]
    page = max(1, recordings * 3 // 10 // DEFAULT_PAGE_SIZE)
    return {
        **QUERIES,
        "ten thousand ids": {"recordingIds": {"include": ids}},
        "page far back": {"page": page},
    }


def broadest_of(recordings: int) -> tuple[dict[str, Any], ...]:
    """A word of every transcript, a short prefix, exclusions, times of day, many ids."""
    return (
        QUERIES["common word"],
        {"freeText": "a*"},
        {"freeText": f"{_COMMON} OR {_SECOND}", **QUERIES["lunchtime in London"]},
        {**QUERIES["all but the busiest"], "durationRangeInSeconds": {"min": 1}},
        QUERIES["lunchtime in London"],
        queries_of(recordings)["ten thousand ids"],
    )
