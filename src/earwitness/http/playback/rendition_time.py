"""How long a rendition will take, before it is made: from the speed at which others like it were made."""

import threading
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from earwitness.kernel.errors import Unprocessable
from earwitness.kernel.formats import FORMATS, Format

_LEAST_SECONDS = 0.5
_LEAST_SOUND_SECONDS = 60
"""What was made in less time, or of less sound, tells little: most of its time was the start."""

_KEPT_SECONDS = 3600
_MOST_KINDS = 256

_Kind = tuple[int, str, int, Format]


class RenditionTooSlow(Unprocessable):
    """This rendition would take too long."""

    default_code = "rendition-too-slow"
    counts = True

    def __init__(self, format_: Format, most_seconds: int, available: list[Format]) -> None:
        super().__init__(
            f"To make the {format_} of this recording would take more than {most_seconds} seconds, the most "
            f"that this server allows. Available formats: {', '.join(available)}.",
            extra={"formats": available},
        )


class RenditionSpeeds:
    """How fast this process makes renditions, by account, codec, channels and format.

    The fastest of the last hour counts: a slower one ran beside others, and would refuse what is possible.
    Media can be made so that it looks slow: that must not refuse what other accounts ask for.
    """

    def __init__(
        self,
        *,
        least_seconds: float = _LEAST_SECONDS,
        least_sound_seconds: float = _LEAST_SOUND_SECONDS,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._least_seconds = least_seconds
        self._least_sound_seconds = least_sound_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[_Kind, tuple[float, float]] = {}
        """Samples of all channels a second, and when that was learned; the newest last."""

    def learn(
        self,
        client_id: int,
        measured: Mapping[str, Any] | None,
        format_: Format,
        seconds: float,
        made: float = 1.0,
    ) -> None:
        """Learn from a rendition that took so long, of which a part, up to 1, was made."""
        kind, now = _kind(client_id, measured, format_), self._clock()
        if measured is None or kind is None or made <= 0 or seconds < self._least_seconds:
            return
        if measured["samples"] * made < self._least_sound_seconds * measured["audio"]["sample_rate"]:
            return
        speed = _work(measured) * min(made, 1.0) / max(seconds, 1e-6)
        with self._lock:
            if speed <= self._speed(kind):
                return
            self._known.pop(kind, None)
            self._known[kind] = speed, now
            if len(self._known) > _MOST_KINDS:
                del self._known[next(iter(self._known))]

    def expected_seconds(
        self, client_id: int, measured: Mapping[str, Any] | None, format_: Format
    ) -> float | None:
        """How long a rendition takes at best, from a stored measurement of the recording.

        None where nothing like it was made, it is not measured yet, or the rendition may have a picture: its
        size in points decides then, and is not measured.
        """
        kind = _kind(client_id, measured, format_)
        if measured is None or kind is None:
            return None
        with self._lock:
            speed = self._speed(kind)
        return _work(measured) / speed if speed else None

    def allow(
        self, client_id: int, measured: Mapping[str, Any] | None, format_: Format, most_seconds: float
    ) -> bool:
        """Whether a rendition can be made in that time, as far as that is known."""
        return (self.expected_seconds(client_id, measured, format_) or 0.0) <= most_seconds

    def _speed(self, kind: _Kind) -> float:
        speed, learned_at = self._known.get(kind, (0.0, 0.0))
        return speed if self._clock() - learned_at < _KEPT_SECONDS else 0.0


def _kind(client_id: int, measured: Mapping[str, Any] | None, format_: Format) -> _Kind | None:
    audio = measured["audio"] if measured else None
    if not measured or not audio or (measured["video"] and FORMATS[format_].needs != "sound"):
        return None
    return client_id, audio["codec"], int(audio["channels"]), format_


def _work(measured: Mapping[str, Any]) -> int:
    return int(measured["samples"]) * int(measured["audio"]["channels"])
