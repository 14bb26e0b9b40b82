"""Limits of a process that handles data which may be hostile."""

import resource


def limit(memory_mib: int, others: dict[int, int] | None = None) -> None:
    """Limit the memory of this process, and let it dump no core and write no file.

    `others` are further limits (`resource.RLIMIT_…`) and their values.
    """
    limits = {
        resource.RLIMIT_AS: memory_mib << 20,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
    }
    for kind, value in (limits | (others or {})).items():
        _, highest = resource.getrlimit(kind)
        allowed = value if highest == resource.RLIM_INFINITY else min(value, highest)
        resource.setrlimit(kind, (allowed, allowed))
