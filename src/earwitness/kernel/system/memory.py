"""Memory that is used again and again, as the pieces of a download are, and memory that is given up."""

import gc

_KEPT_BYTES = 8 << 20


def keep_freed_memory() -> None:
    """Have the C library keep some MiB of freed memory, instead of giving it back at once.

    glibc takes the size of a block that was mapped by itself, once it is freed, for its threshold, and twice
    that for what it keeps (mallopt(3), M_MMAP_THRESHOLD). Else each MiB of a download would be mapped anew,
    page by page, which takes several times as long as to decrypt it. Elsewhere this does nothing.
    """
    bytearray(_KEPT_BYTES)


def seldom_look_for_garbage() -> None:
    """Have Python look for unreachable cycles where there can be some.

    What lives as long as the process is not gone through again; and a page of answers is a thousand objects
    that go when it is sent, so that none is looked for among so few.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)
