"""The ingest metadata of a call that only its name or call record describes, and its recording subjects."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from earwitness.archive.spelling.addresses import WITHHELD, beginning_of, normalise
from earwitness.ingest.sources.file_names import CallFacts
from earwitness.kernel.clock import format_ms

_LATEST_DATE_MS = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp()) * 1000
"""The latest date that can be written. A recording with it is refused, because it is after 2199."""

_EXTENSION = re.compile(r"\d{1,6}", re.ASCII)


class Side(StrEnum):
    """The side of a call that is recorded."""

    FROM = "from"
    TO = "to"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Subjects:
    """The rules on who is recorded: a side of every call, or numbers that begin with a prefix of the firm."""

    side: Side | None = None
    own: tuple[str, ...] = ()

    def of(self, call: CallFacts) -> list[bool]:
        """Whether the caller, the called party and each other participant is a recording subject.

        At least one is. The first of these rules that finds one decides:

        1. the side that is set; others are on the called side; 2. numbers that begin with a prefix of the
        firm; 3. the direction: everybody in an internal call, the caller of an outgoing call, the called
        party of an
           incoming call; and other participants with an extension, a number of at most six digits;
        4. extensions, or everybody if there are none.
        """
        numbers = [normalise("phone", number or "") for number in (call.caller, call.called, *call.others)]
        if self.side:
            return [self.side is not Side.TO] + [self.side is not Side.FROM] * (len(numbers) - 1)
        prefixes = tuple(beginning_of(prefix) for prefix in self.own)
        own = [number != WITHHELD and number.startswith(prefixes) for number in numbers]
        if any(own):
            return own
        extensions = [_EXTENSION.fullmatch(number) is not None for number in numbers]
        if call.direction:
            return [call.direction == "Out", call.direction == "In", *extensions[2:]]
        return extensions if any(extensions) and not call.is_internal else [True] * len(numbers)


def metadata_of(call: CallFacts, subjects: Subjects) -> dict[str, Any]:
    """The ingest metadata of a call, as far as it is known; `docs/ingest.md` describes all fields."""
    span = call.spans[0]
    known = {
        "thirdPartyId": call.id,
        "type": "phone",
        "startDatetimeUTC": None if span.start is None else format_ms(min(span.start, _LATEST_DATE_MS)),
        "endDatetimeUTC": None if span.end is None else format_ms(min(span.end, _LATEST_DATE_MS)),
        "direction": call.direction,
        "endpoints": list(_endpoints_of(call, subjects)),
        "metadata": call.details,
    }
    return {name: value for name, value in known.items() if value}


def _endpoints_of(call: CallFacts, subjects: Subjects) -> Iterator[dict[str, Any]]:
    """The participants. A number that comes in several spellings is one participant."""
    sides = [call.caller, call.called]
    there = {normalise("phone", number or WITHHELD) for number in sides}
    for index, (number, is_subject) in enumerate(zip([*sides, *call.others], subjects.of(call), strict=True)):
        if index >= len(sides):
            if normalise("phone", number or WITHHELD) in there:
                continue
            there.add(normalise("phone", number or WITHHELD))
        if number is not None:
            yield {
                "type": "phone",
                "endpoint": number or WITHHELD,
                "isOriginator": index == 0,
                "isRecordingSubject": is_subject,
            }
