"""Resolving the media paths of a manifest, which must lead to files below a folder."""

import errno
import os
from pathlib import PurePosixPath

from earwitness.ingest.files.folders import Folder

_MOST_LINKS, _LONGEST_BYTES = 40, 4095
"""The limits of the system, so that no path takes long to resolve."""


class Outside(OSError):
    """A path leads out of the folder."""


def resolve(folder: Folder, path: str) -> PurePosixPath:
    """Resolve a path, which may be absolute, have `..`, or go through links that stay in the folder.

    The result is opened without following links, so it does not matter if they change in the meantime. Raises
    Outside, and OSError.
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
    """The parts of a path; of an absolute path, the parts below the folder."""
    pure = PurePosixPath(path)
    if not pure.is_absolute():
        return list(pure.parts)
    for top in (folder.path.absolute(), folder.path.resolve()):
        if pure.is_relative_to(top):
            return list(pure.relative_to(top).parts)
    raise Outside
