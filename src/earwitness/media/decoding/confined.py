"""How a decoding process is confined: in two steps, between which it rehearses."""

import importlib
import pkgutil
import resource

import av

from earwitness.kernel.confinement.landlock import restrict
from earwitness.kernel.confinement.layers import Layers
from earwitness.kernel.confinement.limits import limit
from earwitness.kernel.confinement.privileges import give_up_privileges, keep_memory_private
from earwitness.kernel.confinement.seccomp import seal
from earwitness.media.measurement import DecoderLimits

# Its command line, and what fetches samples from the net.
_NEVER_USED = {"av.__main__", "av.datasets"}
# Pictures are coded by several threads, whose time counts together.
_THREADS = 4


def keep_out() -> int:
    """Load all that PyAV has, and then be let at no file and no other process. Gives the ABI of Landlock.

    Libraries load parts of themselves when these are first needed: PyAV those of subtitles when it meets
    some. What was loaded is there when it is needed. Landlock holds a thread and those it starts, so this
    comes before FFmpeg starts the first one.
    """
    keep_memory_private()
    for part in pkgutil.walk_packages(av.__path__, "av."):
        if part.name not in _NEVER_USED:
            importlib.import_module(part.name)
    give_up_privileges()
    return restrict()


def confine(limits: DecoderLimits, landlock: int) -> Layers:
    """Give up memory and time beyond the limits, new files, and system calls that decoding does not need."""
    seconds = limits.seconds * _THREADS
    limit(limits.memory_mib, {resource.RLIMIT_CPU: seconds, resource.RLIMIT_NOFILE: 0})
    return Layers(landlock, seal())
