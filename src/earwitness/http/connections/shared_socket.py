"""Connections of a server whose processes share one socket."""

import time
from typing import Any

from earwitness.http.connections.limited_connection import LimitedConnection

_PAUSE_SECONDS = 0.001
_MOST_PAUSES = 3


class SharedSocketConnection(LimitedConnection):
    """A connection after which its process pauses, so that other processes accept the next ones.

    A new connection wakes all processes, and the fastest one accepts it. Clients keep their connections, so a
    process that accepted most of them would do most of the work. The more connections a process has, the
    longer it pauses.
    """

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        time.sleep(_PAUSE_SECONDS * min(_MOST_PAUSES, len(self.connections)))
