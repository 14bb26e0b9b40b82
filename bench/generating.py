"""The rows of a large, realistic archive, as ingest would have written them.

Endpoints, people and words follow a power law; calls come in office hours over three years; one in
twenty is private; some arrive late. The same seed gives the same archive.
"""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import msgspec

from earwitness.archive.database.timeline import first_position
from earwitness.archive.text.common_words import COMMON_WORDS
from earwitness.archive.text.documents import Document
from earwitness.kernel.clock import MS_PER_DAY, parse_ms

FIRST_DAY = parse_ms("2023-11-01")
DAYS = 1096
ENDPOINTS = 5_000
PEOPLE = 2_500
VOCABULARY = 40_000
ENGLISH = COMMON_WORDS.index("der")
SENTENCES = 30_000
TAGS = ("vip", "fraud", "complaint", "verified_id", "callback")
NOBODY_SAYS = "zugzwang"
DEPARTMENT = "Support"


@dataclass(frozen=True, slots=True)
class Row:
    """The rows of one recording in all tables."""

    recording: tuple[Any, ...]
    endpoints: tuple[tuple[Any, ...], ...]
    tags: tuple[tuple[Any, ...], ...]
    transcript: tuple[Any, ...]
    document: Document


RECORDING_COLUMNS = (
    "position",
    "interaction_id",
    "third_party_id",
    "type",
    "source",
    "direction",
    "started_at",
    "ended_at",
    "duration_ms",
    "is_private",
    "is_private_reason",
    "status",
    "has_media",
    "has_sender_times",
    "transcript_snippet",
    "analysis",
    "conversation_phases",
    "data_groups",
    "optional",
    "metadata",
    "retention_group_id",
    "retain_until",
    "received_at",
    "received_digest",
)
ENDPOINT_COLUMNS = (
    "position",
    "ordinal",
    "endpoint_id",
    "person_id",
    "user",
    "user_folded",
    "is_originator",
    "is_recording_subject",
)


class Generator:
    """Makes recordings, in the order in which they arrive."""

    def __init__(self, count: int, seed: int = 7) -> None:
        self._count = count
        self._random = random.Random(seed)
        weights = list(accumulate(1 / (rank + 5) for rank in range(VOCABULARY)))
        words = [word_of(rank) for rank in range(VOCABULARY)]
        lengths = [self._random.randint(8, 16) for _ in range(SENTENCES)]
        self._sentences = [
            " ".join(self._random.choices(words, cum_weights=weights, k=length)) for length in lengths
        ]
        self._busy = list(accumulate(1 / (rank + 3) for rank in range(ENDPOINTS)))
        self._ids = range(1, ENDPOINTS + 1)
        self._taken: dict[int, int] = {}

    def rows(self) -> Iterator[Row]:
        for number in range(1, self._count + 1):
            yield self._row(number)

    def _row(self, number: int) -> Row:
        pick = self._random
        day = number * DAYS // (self._count + 1)
        if pick.random() < 0.01:
            day = max(0, day - pick.randint(1, 30))
        moment = FIRST_DAY + day * MS_PER_DAY + int(pick.triangular(7, 20, 11) * 3_600_000)
        first = first_position(moment)
        position = first + self._taken.get(moment, 0)
        self._taken[moment] = position - first + 1
        duration = int(pick.expovariate(1 / 180_000)) + 1000
        type_ = pick.choices(("phone", "teams", "sms"), (80, 15, 5))[0]
        direction = pick.choice(("In", "Out"))
        subject, other = pick.choices(self._ids, cum_weights=self._busy, k=2)
        said = pick.choices(self._sentences, k=10)
        if number % 50_000 == 0:
            said[3] = f"{said[3]} {NOBODY_SAYS}"
        ended = moment + duration
        third_party_id = f"gen-{number:09d}"
        recording = (
            position, number, third_party_id, type_, f"sbc-{number % 7}", direction, moment, ended, duration,
            pick.random() < 0.05, "", "processed", False, True, said[0][:200], "[]", "[]",
            f'{{"Department":"{DEPARTMENT}"}}', "{}", "{}", None, ended + 2555 * MS_PER_DAY, ended + 5000,
            hashlib.sha256(third_party_id.encode()).digest(),
        )  # fmt: skip
        parts = tuple(
            (position, ordinal, one, (one + 1) // 2, "", "", is_first == (direction == "Out"), is_first)
            for ordinal, (one, is_first) in enumerate(((subject, True), (other, False)))
        )
        tag = pick.randrange(50)
        tags = ((position, 0, tag + 1),) if tag < len(TAGS) else ()
        segments = [{"text": text, "start": 5.0 * i, "end": 5.0 * i + 4} for i, text in enumerate(said)]
        fields = [" ".join(said), third_party_id, f"sbc-{number % 7}", *(TAGS[t[2] - 1] for t in tags)]
        fields += [f"Person {(one + 1) // 2} {number_of(one)}" for one in (subject, other)]
        return Row(
            recording, parts, tags, (position, "en", msgspec.json.encode(segments).decode(), None),
            Document.of(*fields),
        )  # fmt: skip


_SYLLABLES = ["ba", "co", "di", "fe", "gu", "ha", "jo", "ki", "le", "mu", "na", "po", "qui", "re", "su", "ty"]


def word_of(rank: int) -> str:
    """The word of a rank: first the most common words of spoken English, then pronounceable ones."""
    if rank < ENGLISH:
        return COMMON_WORDS[rank]
    word = _SYLLABLES[rank % 16]
    while rank := rank // 16:
        word += _SYLLABLES[rank % 16]
    return word


def number_of(endpoint_id: int) -> str:
    return f"4420{endpoint_id:08d}"
