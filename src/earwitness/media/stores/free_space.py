"""The free space that renditions leave on the disk of the data folder: new recordings come first."""

import math
import shutil

from earwitness.kernel.errors import Unavailable
from earwitness.kernel.settings import Settings

STEP_BYTES = 64 << 20
"""Free space is looked at again each time that so much of a rendition was written."""

_FOR_RECORDINGS = 2


def left_for_recordings(settings: Settings) -> int:
    """How many bytes renditions leave free: twice the space that a server needs to be ready."""
    return _FOR_RECORDINGS * settings.min_free_mib << 20


def free_bytes(settings: Settings) -> float:
    """How much is free. A bucket has no end."""
    return math.inf if settings.media_url else shutil.disk_usage(settings.data).free


def why_full(settings: Settings) -> str | None:
    """Why no rendition may be stored now, as a sentence; None if it may."""
    left, free = left_for_recordings(settings), free_bytes(settings)
    if free >= left:
        return None
    return (
        f"Renditions leave {left >> 20} MiB of the disk free for new recordings (twice "
        f"EARWITNESS_MIN_FREE_MIB), and {int(free) >> 20} MiB are free."
    )


def check_space(settings: Settings) -> None:
    """Raise Unavailable if no rendition may be stored now."""
    if (why := why_full(settings)) is not None:
        raise Unavailable(why, code="disk-low")
