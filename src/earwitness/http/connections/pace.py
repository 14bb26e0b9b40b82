"""How fast something moves on, and until when it has to."""


class Pace:
    """Each byte buys time, but never more than a grace ahead.

    So what moves fast may stand still for the grace, what moves slowly goes on, and what sends a byte now and
    then is over when the grace is.
    """

    __slots__ = ("_grace", "_seconds_a_byte", "until")

    def __init__(self, now: float, grace: float, bytes_per_second: float) -> None:
        self.until = now + grace
        self._grace = grace
        self._seconds_a_byte = 1 / bytes_per_second

    def moved(self, size: int, now: float) -> None:
        self.until = min(now + self._grace, self.until + size * self._seconds_a_byte)

    def renew(self, now: float) -> None:
        """Give the whole grace again, however little it was that moved."""
        self.until = now + self._grace

    def wait(self, seconds: float) -> None:
        """Let time pass in which it could not move, by no fault of its own."""
        self.until += seconds
