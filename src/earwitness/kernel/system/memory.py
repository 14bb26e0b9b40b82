"""Settings of memory and of the garbage collector, for processes that serve or import."""

import gc

_KEPT_BYTES = 8 << 20


def keep_freed_memory() -> None:
    """Make glibc keep some MiB of freed memory, instead of returning it to the system at once.

    Otherwise each MiB of a download is mapped anew, page by page, which takes several times as long as
    decrypting it. When a large block is freed, glibc takes its size as the new threshold above which blocks
    are mapped separately, and keeps up to twice that (mallopt(3), M_MMAP_THRESHOLD). Other C libraries ignore
    it.
    """
    bytearray(_KEPT_BYTES)


def seldom_look_for_garbage() -> None:
    """Make Python search for unreachable cycles less often.

    Objects that exist now live as long as the process, and are not searched again. A page of answers is about
    a thousand objects, which are freed without a search when it is sent: the search starts only at 10,000.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)
