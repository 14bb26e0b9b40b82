"""Errors of the operating system: what a client and an operator are told about them."""

import errno
import os

from earwitness.kernel.errors import Problem, StorageFull, Unavailable

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}
_PROGRAM_ERRORS = {
    errno.ENOENT,
    errno.EEXIST,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EBADF,
    errno.EINVAL,
    errno.EFAULT,
    errno.EPIPE,
}
"""A wrong path, file or argument: mostly a fault of the program, not of the machine."""


def describe_errno(code: int) -> str:
    """An error by its number, in words: `ENOSPC, No space left on device`."""
    return f"{errno.errorcode.get(code, code)}, {os.strerror(code)}"


def problem_of_os_error(error: OSError) -> Problem | None:
    """The problem to answer where the machine failed; None where the program itself did something wrong.

    The machine fails when a folder cannot be written, a disk fails, a network file system is gone, or files,
    processes or memory run out. Once an operator has repaired that, the same call works.
    """
    if error.errno is None or error.errno in _PROGRAM_ERRORS:
        return None
    cause = describe_errno(error.errno)
    if error.errno in _DISK_FULL:
        return StorageFull("The disk is full.", cause=cause)
    detail = "The server's disk or operating system reported an error. Try again later."
    return Unavailable(detail, headers={"Retry-After": "5"}, cause=cause)
