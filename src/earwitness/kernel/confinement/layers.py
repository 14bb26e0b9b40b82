"""The two layers of confinement, and what is said of them where one is missing."""

from dataclasses import dataclass

from earwitness.kernel.confinement.landlock import WHOLE_ABI


@dataclass(frozen=True, slots=True)
class Layers:
    """What holds a process: the ABI of Landlock, 0 for none, and whether there is a filter of system calls."""

    landlock: int
    seccomp: bool

    @property
    def missing(self) -> list[str]:
        """What does not hold, and what would mend it; nothing if all does."""
        found = []
        if not self.landlock:
            found.append(
                "Landlock is missing: the kernel lacks it (Linux 5.13 and newer can have it), or the container forbids it"
            )
        elif self.landlock < WHOLE_ABI:
            found.append(
                f"Landlock of this kernel (ABI {self.landlock}) knows no signals and no abstract sockets (Linux 6.12 does)"
            )
        if not self.seccomp:
            found.append(
                "the filter of system calls is missing: the kernel lacks seccomp, the container forbids it, or the "
                "processor is neither x86-64 nor arm64"
            )
        return found

    def __str__(self) -> str:
        landlock = [f"Landlock (ABI {self.landlock})"] if self.landlock else []
        held = " and ".join([*landlock, *(["seccomp"] if self.seccomp else [])])
        return f"confined by {held}" if held else "not confined"
