"""Limits of connections: their number, the sizes of heads, and times."""

from dataclasses import dataclass

from earwitness.http.playback.download import STALLED_SECONDS


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of each connection of one process."""

    connections: int = 1000
    """How many there may be at once. It is a setting, since it depends on the machine."""

    head_bytes: int = 64 << 10
    """The size of a request line with its headers. The longest token, cookie and path fill a quarter."""

    head_seconds: float = 20
    """How long a head may take: from its first byte, or from the start of the connection, to its end."""

    body_seconds: float = 20
    """How long a body may stop. A body that is no upload may not be later than this either."""

    body_bytes_per_second: float = 500
    """The least speed of a body that is no upload: the slowest modem is faster."""

    leftover_seconds: float = 20
    """How long the rest of a body may take if the request was answered before its body was read."""

    unread_seconds: float = STALLED_SECONDS
    """How late a client may be in reading its answer."""

    unread_bytes_per_second: float = 2048
    """The least speed at which a client reads its answer: half the bit rate of a call in mp3."""

    farewell_seconds: float = 5
    """How long a refused client is still read from. Closed at once, it would not see the reason."""

    check_seconds: float = 1
    """How often all connections are checked."""
