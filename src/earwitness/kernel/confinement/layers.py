"""The two layers of confinement, and what to report where one is missing."""

from dataclasses import dataclass

from earwitness.kernel.confinement.landlock import WHOLE_ABI

_NO_LANDLOCK = (
    "Landlock is missing: the kernel has none (Linux 5.13 and newer can have it), the container forbids it, "
    "or a library started threads before"
)
_LESS_LANDLOCK = (
    "Landlock (ABI {}) does not cover signals and abstract sockets: that needs Linux 6.12 or newer"
)
_NO_FILTER = (
    "The filter of system calls is missing: the kernel has no seccomp, the container forbids it, or the "
    "processor is neither x86-64 nor arm64, or is emulated"
)


@dataclass(frozen=True, slots=True)
class Layers:
    """The layers that confine a process: the ABI of Landlock, 0 for none, and whether seccomp is in force."""

    landlock: int
    seccomp: bool

    @property
    def missing(self) -> list[str]:
        """What is missing, and what it needs; empty if nothing is."""
        found = []
        if not self.landlock:
            found.append(_NO_LANDLOCK)
        elif self.landlock < WHOLE_ABI:
            found.append(_LESS_LANDLOCK.format(self.landlock))
        return found if self.seccomp else [*found, _NO_FILTER]

    def __str__(self) -> str:
        landlock = [f"Landlock (ABI {self.landlock})"] if self.landlock else []
        held = " and ".join([*landlock, *(["seccomp"] if self.seccomp else [])])
        return f"confined by {held}" if held else "not confined"
