"""Places for work that takes long. No account can take all of them, so that none waits for another's."""

import threading
from collections import Counter


def most_of_one(total: int) -> int:
    """How much of something that all accounts share one account can take: three quarters."""
    return total - total // 4


class Places:
    """A limited number of places, of which one account takes at most three quarters."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._taken: Counter[int] = Counter()
        self._changed = threading.Condition()

    def take(self, client_id: int, patience_seconds: float) -> bool:
        """Take a place for an account, and wait for it as long as that. Returns whether there was one."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._has_place(client_id), patience_seconds):
                return False
            self._taken[client_id] += 1
            return True

    def give_back(self, client_id: int) -> None:
        with self._changed:
            self._taken[client_id] -= 1
            self._taken += Counter()  # forget accounts that have none
            self._changed.notify_all()

    def _has_place(self, client_id: int) -> bool:
        return self._taken.total() < self._places and self._taken[client_id] < most_of_one(self._places)
