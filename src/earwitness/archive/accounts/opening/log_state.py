"""What a process knows about the log of an account that it has open."""

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from earwitness.archive.jobs.kinds import LEDGER
from earwitness.kernel.clock import now_ms

_DELAY_MS = 1_000
_MARGIN_MS = 500
"""The clocks of two machines may differ by this much."""


@dataclass(slots=True)
class LogState:
    """One thread of the process at a time adds to the log, or shows it; the others wait for it."""

    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    shown: str = ""
    """The checkpoint that was last found to go on from all that were shown."""
    shown_at: float = -math.inf
    """When, in seconds of the monotonic clock."""
    compared_at: float = -math.inf
    """When it was last compared with what others were shown, on the same clock."""
    thinned_at: float = -math.inf
    """When it was last looked for checkpoints that nobody was given, on the same clock."""
    troubles: dict[str, str] = field(default_factory=dict)
    """Why a place does not keep the head of the log, by its name."""
    _due_at: int = 0

    def due_at(self) -> int | None:
        """When workers are to look after what was just committed; None if they will do that anyway.

        They will if the account is marked for a moment that is still to come: then they look after that. So
        the directory is written once a second at most, and not for each action.
        """
        now = now_ms()
        return None if _MARGIN_MS < self._due_at - now <= _DELAY_MS else now + _DELAY_MS

    def note_marks(self, marks: Mapping[str, int]) -> None:
        """Note when the account is really due: a mark that was there may be an earlier one."""
        self._due_at = marks.get(LEDGER, 0)
