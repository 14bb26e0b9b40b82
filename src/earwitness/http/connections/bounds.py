"""How much a connection may ask for, how long it may take over it, and how many there may be."""

from dataclasses import dataclass

from earwitness.http.playback.download import STALLED_SECONDS


@dataclass(frozen=True, slots=True)
class Bounds:
    """What holds for each connection of one process."""

    connections: int = 1000
    """How many there may be at once; a setting, as it depends on the machine."""

    head_bytes: int = 64 << 10
    """Of a request line and its headers. The longest token, cookie and path take a fourth of it."""

    head_seconds: float = 20
    """From its first byte, or from the beginning of the connection, to its end."""

    body_seconds: float = 20
    """How long a body may stand still. One that is no upload may not fall behind this much either."""

    body_bytes_per_second: float = 500
    """What a body that is no upload has to bring: the slowest modem brings more."""

    leftover_seconds: float = 20
    """How long the rest of a body may take that was answered before it was read."""

    unread_seconds: float = STALLED_SECONDS
    """How far a client may fall behind in taking its answer."""

    unread_bytes_per_second: float = 2048
    """What a client has to take of its answer: half of a call in mp3, as it plays."""

    farewell_seconds: float = 5
    """How long a client that was refused is listened to: closed at once, it would not see why."""

    look_seconds: float = 1
    """How often all connections are looked at."""
