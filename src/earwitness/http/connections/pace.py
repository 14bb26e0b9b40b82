"""The least speed of a transfer: how long it may still take."""


class Pace:
    """A deadline that each byte moves on, never further than a grace from now.

    So a fast transfer may stop for the grace, and a slow one goes on. One that sends a byte now and then ends
    when the grace does.
    """

    __slots__ = ("_grace", "_seconds_a_byte", "until")

    def __init__(self, now: float, grace: float, bytes_per_second: float) -> None:
        self.until = now + grace
        self._grace = grace
        self._seconds_a_byte = 1 / bytes_per_second

    def moved(self, size: int, now: float) -> None:
        self.until = min(now + self._grace, self.until + size * self._seconds_a_byte)

    def renew(self, now: float) -> None:
        """Give the whole grace again."""
        self.until = now + self._grace

    def wait(self, seconds: float) -> None:
        """Leave out seconds in which nothing could move."""
        self.until += seconds
