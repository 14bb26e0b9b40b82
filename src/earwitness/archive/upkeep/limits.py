"""The limits for which calls are refused, by the code of the problem, as `earwitness status` names them."""

from dataclasses import dataclass
from typing import Final

from earwitness.kernel.settings import Settings


@dataclass(frozen=True, slots=True)
class LimitRow:
    """What was too much, and the field of the setting that says how much may be; empty for a fixed limit."""

    too_much: str
    setting: str = ""

    @property
    def variable(self) -> str | None:
        """The variable that sets the limit; None for a fixed limit. Raises KeyError if there is none."""
        return Settings.declared()[self.setting].variable if self.setting else None


LIMITS: Final[dict[str, LimitRow]] = {
    "rendition-too-large": LimitRow("a rendition would have been too large", "max_rendition_gib"),
    "rendition-too-slow": LimitRow("a rendition would have taken too long to make", "decoder_seconds"),
    "renditions-full": LimitRow("renditions took all the room that they have", "renditions_gib"),
    "disk-low": LimitRow("a rendition would have taken the room of new recordings", "min_free_mib"),
    "conversions-taken": LimitRow("too many renditions were being made at once"),
    "streams-taken": LimitRow("too many renditions were being streamed at once"),
    "slow-calls-taken": LimitRow("too many calls decoded or verified recordings at once"),
    "rendition-in-the-making": LimitRow("a rendition took longer than an answer waits for it"),
    "decoder-slow": LimitRow("the first part of a stream took longer than an answer waits for it"),
    "out-of-time": LimitRow("a call took longer than it may", "request_seconds"),
    "too-large": LimitRow("a body was larger than it may be; an upload has a limit", "max_upload_gib"),
    "too-many-jobs": LimitRow("a user had too many changes of many recordings waiting"),
    "too-many-requests": LimitRow("an address had too many failed sign-ins"),
    "connections-taken": LimitRow("there were too many connections", "connections"),
    "pipelined": LimitRow("a connection had too many requests waiting"),
}

VARIABLES: Final = {code: row.variable for code, row in LIMITS.items()}
"""The variable that sets each limit. The program does not start with a row whose setting does not exist."""
