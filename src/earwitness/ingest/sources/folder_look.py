"""One look at a watched folder: its files, and which of them may still be written."""

import stat
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from earwitness.ingest.files.folders import Folder
from earwitness.ingest.files.open_files import open_for_writing
from earwitness.ingest.files.seen_files import MustWait, SeenFile
from earwitness.ingest.sources.sidecars import is_sidecar, is_whole, sidecar_of, sidecars_among

_UNFINISHED = (".part", ".tmp", ".filepart", ".crdownload")


class FolderLook:
    """The files of one look. A file is finished if the look before saw the same, and nobody writes to it."""

    def __init__(
        self,
        folder: Folder,
        without: Iterable[PurePosixPath],
        ignored: Collection[SeenFile],
        before: "FolderLook | None",
    ) -> None:
        """Look once. The folders `without` are not looked into; `ignored` files are no media."""
        self._ignored = ignored
        self._files = {one.path: one for one in _files_of(folder, without)}
        self._sidecars = sidecars_among(self._files.values())
        self._changing = set(self._changing_since(before._files if before else {}))
        self._users: dict[PurePosixPath, list[PurePosixPath]] = defaultdict(list)
        for media in self.media():
            if sidecar := sidecar_of(media.path, self._sidecars):
                self._users[sidecar.path].append(media.path)

    def media(self) -> list[SeenFile]:
        """The files that are no sidecars, and not ignored."""
        files = self._files.values()
        return [one for one in files if not is_sidecar(one.path) and one not in self._ignored]

    def users_of(self, sidecar: PurePosixPath) -> Iterable[PurePosixPath]:
        """The files that a sidecar describes."""
        return self._users.get(sidecar, ())

    def finished_sidecar(self, media: SeenFile) -> SeenFile | None:
        """The sidecar of a file, if any. Raises MustWait if the file or its sidecar is not finished."""
        if media.path in self._changing:
            raise MustWait("it may still be written")
        sidecar = sidecar_of(media.path, self._sidecars)
        if sidecar and (sidecar.path in self._changing or (sidecar.is_fresh and not is_whole(sidecar))):
            raise MustWait("its sidecar may still be written")
        return sidecar

    def _changing_since(self, before: Mapping[PurePosixPath, SeenFile]) -> Iterator[PurePosixPath]:
        unchanged = {path.name for path, one in self._files.items() if one == before.get(path)}
        held = open_for_writing(unchanged)
        for path, one in self._files.items():
            is_held = (one.device, one.inode) in held
            if one != before.get(path) or is_held or (one.size == 0 and one.is_fresh):
                yield path


def _files_of(folder: Folder, without: Iterable[PurePosixPath]) -> Iterator[SeenFile]:
    """The regular files of a folder and of those below it, without those named as unfinished."""
    for path, status in folder.walk(without=without):
        if stat.S_ISREG(status.st_mode) and not path.name.lower().endswith(_UNFINISHED):
            yield SeenFile.of(folder, path, status)
