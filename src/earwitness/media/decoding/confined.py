"""The confinement of decoding processes: first of their fork server, then of each of them."""

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

# PyAV's command line, and its download of samples.
_NEVER_USED = {"av.__main__", "av.datasets"}
# Several threads encode pictures. The limit of processor time counts all of them together.
_THREADS = 4


def keep_out() -> int:
    """Import all of PyAV, then give up all files and other processes. Returns the ABI of Landlock.

    PyAV imports parts of itself when they are first needed, such as subtitles, so they are imported before.
    Landlock confines the current thread and those that it starts later, so this comes before FFmpeg starts
    its first thread.
    """
    keep_memory_private()
    for part in pkgutil.walk_packages(av.__path__, "av."):
        if part.name not in _NEVER_USED:
            importlib.import_module(part.name)
    give_up_privileges()
    return restrict()


def keep_apart(landlock: int) -> int:
    """Confine a decoding process apart from its fork server and from the other decoding processes.

    What it inherits of Landlock it shares with them, and processes that share it may reach each other.
    """
    return min(landlock, restrict())


def confine(limits: DecoderLimits, landlock: int) -> Layers:
    """Limit memory and time, and give up new files and the system calls that decoding does not need."""
    seconds = limits.seconds * _THREADS
    limit(limits.memory_mib, {resource.RLIMIT_CPU: seconds, resource.RLIMIT_NOFILE: 0})
    return Layers(landlock, seal())
