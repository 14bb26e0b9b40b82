"""Memory that is used again and again, as the pieces of a download are."""

_KEPT_BYTES = 8 << 20


def keep_freed_memory() -> None:
    """Have the C library keep some MiB of freed memory, instead of giving it back at once.

    glibc takes the size of a block that was mapped by itself, once it is freed, for its threshold, and twice
    that for what it keeps (mallopt(3), M_MMAP_THRESHOLD). Else each MiB of a download would be mapped anew,
    page by page, which takes several times as long as to decrypt it. Elsewhere this does nothing.
    """
    bytearray(_KEPT_BYTES)
