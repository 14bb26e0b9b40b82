"""How processes that listen on one socket share the connections that come in."""

import time
from typing import Any

from earwitness.http.connections.guarded import Guarded

_PAUSE_SECONDS = 0.001
_MOST_PAUSES = 3


class Sharing(Guarded):
    """A connection whose process leaves the next one to others, the more so the more it has.

    All are woken when one comes in, and the fastest takes it. Clients keep their connections, and who took
    most of a handful would do most of their work, while others have none. So it is the process that pauses.
    """

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        time.sleep(_PAUSE_SECONDS * min(_MOST_PAUSES, len(self.connections)))
