"""Where a path leads that a manifest names: to a file below a folder, or nowhere."""

import errno
import os
from pathlib import PurePosixPath

from earwitness.ingest.files.folders import Folder

_MOST_LINKS, _LONGEST_BYTES = 40, 4095
"""As the system has them, so that no path keeps us for long."""


class Outside(OSError):
    """A path leads out of the folder."""


def resolve(folder: Folder, path: str) -> PurePosixPath:
    """Where a path leads, be it absolute, with `..`, or through links that stay in the folder.

    To open that follows no link, whatever becomes of the links meanwhile. Raises Outside, and OSError.
    """
    if len(os.fsencode(path)) > _LONGEST_BYTES:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    done: list[str] = []
    left, links = _steps(folder, path), 0
    while left:
        name = left.pop(0)
        if name == "..":
            if not done:
                raise Outside
            done.pop()
        elif (target := folder.link(PurePosixPath(*done, name))) is None:
            done.append(name)
        elif (links := links + 1) > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        else:
            left = _steps(folder, target) + left
            done = [] if target.startswith("/") else done
    return PurePosixPath(*done)


def _steps(folder: Folder, path: str) -> list[str]:
    """The parts of a path; of an absolute one those from the folder on."""
    pure = PurePosixPath(path)
    if not pure.is_absolute():
        return list(pure.parts)
    for top in (folder.path.absolute(), folder.path.resolve()):
        if pure.is_relative_to(top):
            return list(pure.relative_to(top).parts)
    raise Outside
