"""The ingest metadata of a call of which little is known, and which side of it is the recording subject."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from earwitness.archive.addresses import WITHHELD, beginning_of, normalise
from earwitness.ingest.naming import Call
from earwitness.kernel.clock import format_ms

_EXTENSION = re.compile(r"\d{1,6}", re.ASCII)


class Side(StrEnum):
    """The side of a call that is recorded."""

    FROM = "from"
    TO = "to"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Subjects:
    """The side that was told, or what the numbers of the house begin with."""

    side: Side | None = None
    own: tuple[str, ...] = ()

    def of(self, call: Call) -> tuple[bool, bool]:
        """Whether the caller, and the called, is a recording subject; one of them is at least.

        The side that was told; else those with a number of the house; else, of a call within the house
        both, of one out the caller, of one in the called; else those with an extension, a number of at
        most six digits; else both.
        """
        if self.side:
            return self.side is not Side.TO, self.side is not Side.FROM
        numbers = [normalise("phone", number or "") for number in (call.caller, call.called)]
        prefixes = tuple(beginning_of(prefix) for prefix in self.own)
        caller, called = (number != WITHHELD and number.startswith(prefixes) for number in numbers)
        if caller or called:
            return caller, called
        if call.is_internal or call.direction:
            return call.direction != "In", call.direction != "Out"
        caller, called = (_EXTENSION.fullmatch(number) is not None for number in numbers)
        return (caller, called) if caller or called else (True, True)


def metadata_of(call: Call, subjects: Subjects) -> dict[str, Any]:
    """What ingest metadata says of a call, as far as it is known; the example in `docs/ingest.md` has all."""
    caller, called = subjects.of(call)
    sides = ((call.caller, True, caller), (call.called, False, called))
    endpoints = [
        {"type": "phone", "endpoint": number, "isOriginator": originates, "isRecordingSubject": is_subject}
        for number, originates, is_subject in sides
        if number
    ]
    known = {
        "thirdPartyId": call.id,
        "type": "phone",
        "startDatetimeUTC": call.start and format_ms(int(call.start.timestamp() * 1000)),
        "endDatetimeUTC": call.end and format_ms(int(call.end.timestamp() * 1000)),
        "direction": call.direction,
        "endpoints": endpoints,
        "metadata": call.details,
    }
    return {name: value for name, value in known.items() if value}
