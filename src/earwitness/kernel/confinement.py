"""What a process gives up before it works on what may be hostile."""

import resource


def confine(memory_mib: int, others: dict[int, int] | None = None) -> None:
    """Have no more memory than this from now on, dump no core and write no file.

    `others` are limits beside these (`resource.RLIMIT_…`), and their values.
    """
    limits = {
        resource.RLIMIT_AS: memory_mib << 20,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
    }
    for limit, value in (limits | (others or {})).items():
        _, highest = resource.getrlimit(limit)
        allowed = value if highest == resource.RLIM_INFINITY else min(value, highest)
        resource.setrlimit(limit, (allowed, allowed))
