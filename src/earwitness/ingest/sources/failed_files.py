"""Files that failed, and how they are put back where they were found, so that they are taken again.

failed/call.wav  failed/call.json  failed/call.wav.reason.txt    one recording, and why it failed
failed/2-call.wav  failed/2-call.wav.reason.txt                  another one of the same name
"""

import os
import re
import stat
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import PurePosixPath

from earwitness.ingest.files.folders import Folder
from earwitness.ingest.files.shown_names import shown
from earwitness.ingest.sources.sidecars import is_sidecar

REASON = ".reason.txt"
NUMBERED = "The number before its name was added here."
"""A line below the reason. Without it, nobody could tell whether the number is part of the name."""

_LONGEST_NAME_BYTES = 255
_LONGEST_REASON_BYTES = 1 << 20
_NUMBER = re.compile(r"[1-9][0-9]*-")


@dataclass(frozen=True, slots=True)
class FailedFile:
    """A recording that failed: its file and sidecars, and in the same order where they were found."""

    folder: Folder
    name: str
    reason: PurePosixPath
    files: list[PurePosixPath]
    places: list[PurePosixPath]

    def put_back(self) -> bool:
        """Move it back, the sidecars first; False if the names are taken, or if it cannot be moved.

        Others write in the folder, so one file that cannot be moved must not stop the rest. A file that is
        gone is passed over.
        """
        if any(self.folder.exists(place) for place in self.places):
            return False
        try:
            for path, place in reversed(list(zip(self.files, self.places, strict=True))):
                with suppress(FileNotFoundError):
                    self.folder.move(path, place)
        except OSError:
            return False
        with suppress(OSError):  # others may have put a folder there
            self.folder.remove(self.reason)
        return True


def failed_files(folder: Folder, failed: PurePosixPath) -> list[FailedFile]:
    """The recordings that failed in a folder, sorted by name; `failed` is the folder they were moved to."""
    by_folder: dict[PurePosixPath, list[PurePosixPath]] = defaultdict(list)
    for path, status in folder.walk(failed):
        if stat.S_ISREG(status.st_mode):
            by_folder[path.parent].append(path)
    found = []
    for parent, unsorted in by_folder.items():
        files, there = sorted(unsorted), set(unsorted)
        back = parent.relative_to(failed)
        for one in files:
            if is_sidecar(one) or one.name.endswith(REASON):
                continue
            reason = reason_of(one)
            group = [one, *(path for path in files if is_sidecar(path) and path.stem in (one.name, one.stem))]
            number = _number_of(folder, one, reason, there)
            places = [back / path.name.removeprefix(number) for path in group]
            found.append(FailedFile(folder, shown(one), reason, group, places))
    return sorted(found, key=lambda one: (len(one.files[0].name), one.files[0]))


def write_reason(folder: Folder, media: PurePosixPath, reason: str, *, is_numbered: bool) -> None:
    """Write a file beside a failed one that says why it failed. Raises OSError."""
    lines = [reason, *([NUMBERED] if is_numbered else [])]
    with folder.create(reason_of(media)) as file:
        file.write("".join(f"{line}\n" for line in lines).encode(errors="replace"))


def free_places(
    folder: Folder, below: PurePosixPath, names: Sequence[PurePosixPath]
) -> tuple[list[PurePosixPath], bool]:
    """Find free names for files and for the reason of the first; also returns whether a number was added.

    No file is replaced.
    """
    for number in count(1):
        head = "" if number == 1 else f"{number}-"
        targets = [below / name.with_name(f"{head}{name.name}") for name in names]
        if not any(folder.exists(target) for target in (*targets, reason_of(targets[0]))):
            return targets, number > 1
    raise AssertionError("there is always a free name")


def reason_of(media: PurePosixPath) -> PurePosixPath:
    """The path of a failed file's reason."""
    longest = _LONGEST_NAME_BYTES - len(REASON)
    return media.with_name(os.fsdecode(os.fsencode(media.name)[:longest]) + REASON)


def _number_of(folder: Folder, media: PurePosixPath, reason: PurePosixPath, there: set[PurePosixPath]) -> str:
    """The number that was added before a name, such as `2-`, or nothing.

    The reason of the file says so. If the reason is gone, a file of the name without the number does.
    """
    number = _NUMBER.match(media.name)
    if number is None:
        return ""
    added = next(_lines_of(folder, reason), "") if reason in there else ""
    is_added = added == NUMBERED or media.with_name(media.name[number.end() :]) in there
    return number[0] if is_added else ""


def _lines_of(folder: Folder, reason: PurePosixPath) -> Iterator[str]:
    """The lines of a reason, the last one first."""
    with suppress(OSError), folder.open(reason) as file:
        yield from reversed(file.read(_LONGEST_REASON_BYTES).decode("utf-8", "replace").splitlines())
