"""Files that failed, put back to where they were found, so that they are taken again.

failed/call.wav  failed/call.json  failed/call.wav.reason.txt    one recording, and why it failed
failed/2-call.wav  failed/2-call.wav.reason.txt                  another one of the same name
"""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from earwitness.ingest.naming import shown
from earwitness.ingest.sources.sidecars import is_sidecar

REASON = ".reason.txt"
NUMBERED = "The number before its name was added here."
"""Said below the reason: nothing else tells whether it is part of the name."""

_LONGEST_NAME_BYTES = 255
_NUMBER = re.compile(r"[1-9][0-9]*-")


@dataclass(frozen=True, slots=True)
class FailedFile:
    """A recording that failed: its file, its sidecars, and where they were found, in this order."""

    name: str
    reason: Path
    files: list[Path]
    places: list[Path]

    def put_back(self) -> bool:
        """Move it back, the sidecar first; False while a file of its name is there.

        What was moved before this was interrupted is not found again, and what is gone is passed over.
        """
        if any(os.path.lexists(place) for place in self.places):
            return False
        for path, place in reversed(list(zip(self.files, self.places, strict=True))):
            place.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                path.rename(place)
        self.reason.unlink(missing_ok=True)
        return True


def failed_files(folder: Path, failed: Path) -> list[FailedFile]:
    """What failed in a folder, by name; `failed` is where its files were put."""
    found = []
    for parent, folders, names in os.walk(failed):
        folders[:] = [one for one in folders if not one.startswith(".")]
        files = sorted(path for name in names if _is_file(path := Path(parent, name)))
        there = set(files)
        media = [one for one in files if not is_sidecar(one) and not one.name.endswith(REASON)]
        back = folder / Path(parent).relative_to(failed)
        for one in media:
            name, reason = shown(one.relative_to(folder)), _reason_of(one)
            group = [one, *(path for path in files if is_sidecar(path) and path.stem in (one.name, one.stem))]
            number = _number_of(one, reason, there)
            found.append(
                FailedFile(name, reason, group, [back / path.name.removeprefix(number) for path in group])
            )
    return sorted(found, key=lambda one: (len(one.files[0].name), one.files[0]))


def write_reason(media: Path, reason: str, *, is_numbered: bool) -> None:
    """Write why a file failed beside it."""
    lines = [reason, *([NUMBERED] if is_numbered else [])]
    text = "".join(f"{line}\n" for line in lines)
    _reason_of(media).write_text(text, "utf-8", "replace")


def free_places(folder: Path, names: list[Path]) -> tuple[list[Path], bool]:
    """Where files of these names are put in a folder, and whether under a number: nothing is replaced."""
    for number in count(1):
        head = "" if number == 1 else f"{number}-"
        targets = [folder / name.with_name(f"{head}{name.name}") for name in names]
        if not any(os.path.lexists(target) for target in targets):
            return targets, number > 1
    raise AssertionError("there is always a free name")


def _reason_of(media: Path) -> Path:
    longest = _LONGEST_NAME_BYTES - len(REASON)
    return media.with_name(os.fsdecode(os.fsencode(media.name)[:longest]) + REASON)


def _number_of(media: Path, reason: Path, there: set[Path]) -> str:
    """The number that was put before a name, `2-`; without its reason, if the name without it is there."""
    number = _NUMBER.match(media.name)
    if number is None:
        return ""
    added = next(_lines_of(reason), "") if reason in there else ""
    is_added = added == NUMBERED or media.with_name(media.name[number.end() :]) in there
    return number[0] if is_added else ""


def _lines_of(reason: Path) -> Iterator[str]:
    """The lines of a reason, the last first."""
    with suppress(OSError):
        yield from reversed(reason.read_text("utf-8", "replace").splitlines())


def _is_file(path: Path) -> bool:
    with suppress(OSError):
        return not path.name.startswith(".") and stat.S_ISREG(path.lstat().st_mode)
    return False
