"""A watched folder: finished files are taken in, and moved to `done`, or to `failed` with the reason.

    call.wav                   a recording, here or in any folder below
    call.json                  its sidecar: ingest metadata; `call.wav.json` is one too
    done/ failed/              where they go, under the same relative name
    failed/call.wav.reason.txt why

A file is taken once it is finished: it looked the same twice, and nobody holds it open for writing as
far as this process may see. Whatever happens between taking and moving, a file that is seen again is
the same recording again, by its thirdPartyId, and is moved alone.

Others write in the folder: everything in it is reached by `Folder`, and what is said of it is printable.
"""

import os
import stat
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePosixPath

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.ledger.ledger import Action
from earwitness.ingest.accept import Accepted
from earwitness.ingest.files.folders import TOP, Folder, others_may_write
from earwitness.ingest.files.open_files import open_for_writing
from earwitness.ingest.files.seen import Seen, Unreadable, Waits, opened
from earwitness.ingest.sources.call_records import joined
from earwitness.ingest.sources.describing import Described, Reading, describe
from earwitness.ingest.sources.failed_files import FailedFile, failed_files, free_places, write_reason
from earwitness.ingest.sources.file_names import Call, readable, shown
from earwitness.ingest.sources.sidecars import MOST_BYTES, is_sidecar, is_whole, sidecar_of, sidecars_among
from earwitness.ingest.sources.taking import digest_of, take_file
from earwitness.kernel.errors import BadRequest, Conflict, Problem, StorageFull, Unavailable
from earwitness.kernel.strict_json import printable

DONE, FAILED = PurePosixPath("done"), PurePosixPath("failed")

_LOCK = PurePosixPath(".earwitness-watch")
_LONGEST_REASON = 2000
_UNFINISHED = (".part", ".tmp", ".filepart", ".crdownload")


@dataclass(frozen=True, slots=True)
class Found:
    """A recording in the folder: its media, its sidecar, and what its name and call record say."""

    media: Seen
    sidecar: Seen | None = None
    call: Call | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file: it is in the archive, or the reason why it is not (yet, if it `waits`).

    `note` is what is in doubt of what was taken. Both can be printed, whatever the file holds.
    """

    file: str
    accepted: Accepted | None = None
    reason: str = ""
    waits: bool = False
    note: str = ""


class WatchedFolder:
    """A folder whose finished files are taken in. One watcher at a time: see `alone`."""

    def __init__(self, folder: Path, reading: Reading, own: Iterable[Path] = ()) -> None:
        """Hold a folder open; `own` are those of the archive itself. Raises OSError."""
        self._folder = Folder(folder, own)
        self._reading = reading
        self._seen: dict[PurePosixPath, Seen] = {}
        self._sidecars: dict[PurePosixPath, Seen] = {}
        self._have_sidecar: dict[PurePosixPath, list[PurePosixPath]] = {}
        self._recorded: dict[str, Call] = {}
        self._unmoved: set[Seen] = set()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Watch, with nobody else watching the same folder. Raises Conflict, and OSError."""
        for name in (DONE, FAILED):
            self._folder.make(name)
        with ExitStack() as leaving:
            try:
                leaving.enter_context(self._folder.locked(_LOCK))
            except BlockingIOError:
                raise Conflict("Another process is already watching this folder.") from None
            yield

    def failed(self) -> list[FailedFile]:
        """What failed, and can be put back."""
        return failed_files(self._folder, FAILED)

    def others_write(self) -> str | None:
        """A folder, of all that are there, in which others than root may write; None if there is none."""
        there = chain([(TOP, self._folder.status(TOP))], self._folder.walk())
        folders = (
            path for path, status in there if stat.S_ISDIR(status.st_mode) and others_may_write(status)
        )
        return next((shown(self._folder.path / path) for path in folders), None)

    def look(self) -> tuple[list[Found], list[Outcome]]:
        """Look once: what is finished since the last look and can be taken, oldest first; and what waits.

        Raises Conflict if the folder is not where it was, and OSError if the call records cannot be read.
        """
        if not self._folder.is_in_place():
            raise Conflict("The folder is not the one that was there when this began: begin again.")
        before, self._seen = self._seen, {one.path: one for one in self._files()}
        media = [one for one in self._seen.values() if not is_sidecar(one.path) and one not in self._unmoved]
        self._sidecars = sidecars_among(self._seen.values())
        self._have_sidecar = defaultdict(list)
        for one in media:
            if sidecar := sidecar_of(one.path, self._sidecars):
                self._have_sidecar[sidecar.path].append(one.path)
        held = open_for_writing({one.path.name for one in self._seen.values() if one == before.get(one.path)})
        changing = {
            path
            for path, one in self._seen.items()
            if one != before.get(path) or (one.device, one.inode) in held or (one.size == 0 and one.is_fresh)
        }
        records, recorded_before = self._reading.records, self._recorded
        self._recorded = records.of({self._id(one) for one in media}) if records else {}
        recorded = {id_: call for id_, call in self._recorded.items() if call == recorded_before.get(id_)}
        ready, waiting = [], []
        for one in sorted(media, key=lambda one: (one.mtime_ns, one.path)):
            try:
                ready.append(self._found(one, recorded, changing))
            except Waits as why:
                waiting.append(Outcome(self._name(one), reason=str(why), waits=True))
        return ready, waiting

    def deal_with(self, archive: Archive, found: Found, action: Action) -> Outcome:
        """Take a recording in and move it to `done`; or to `failed`, with the reason.

        Raises StorageFull, Unavailable and SQLAlchemyError: then it stays where it is.
        """
        name, accepted, reason, note = self._name(found.media), None, "", ""
        try:
            accepted, described = self._take(archive, found, action)
            note = "; ".join(f"{field}: {doubt}" for field, doubt in described.doubts.items())
        except (StorageFull, Unavailable):
            raise
        except Waits as why:
            return Outcome(name, reason=str(why), waits=True)
        except Problem as problem:
            reason = f"{_sentence(printable(problem.detail, _LONGEST_REASON))} {self._way_out(problem)}"
        try:
            self._move(found, DONE if accepted else FAILED, reason)
        except Waits as why:
            reason = reason and str(why)
            return Outcome(
                name, accepted, reason, waits=accepted is None, note=printable(note, _LONGEST_REASON)
            )
        except OSError as error:
            self._unmoved.add(found.media)
            reason = f"{reason} It cannot be moved: {error.strerror}.".lstrip()
        return Outcome(name, accepted, reason, note=printable(note, _LONGEST_REASON))

    def _way_out(self, problem: Problem) -> str:
        """How a file that failed can be taken after all."""
        if isinstance(problem, Unreadable):
            return "Once it can be read, --retry-failed takes it."
        if isinstance(problem, BadRequest) and not self._reading.take_anyway:
            return "Correct that and use --retry-failed, or take it as it is: --retry-failed --take-anyway."
        return "Once that is mended, --retry-failed takes it."

    def _files(self) -> Iterator[Seen]:
        """The files of the folder and of those below it that are finished by their names, and no links."""
        for path, status in self._folder.walk(without=(DONE, FAILED)):
            if stat.S_ISREG(status.st_mode) and not path.name.lower().endswith(_UNFINISHED):
                yield Seen.of(self._folder, path, status)

    def _found(self, media: Seen, recorded: dict[str, Call], changing: set[PurePosixPath]) -> Found:
        """A recording that can be taken. Raises Waits."""
        if media.path in changing:
            raise Waits("it may still be written")
        call, sidecar = self._named(media), sidecar_of(media.path, self._sidecars)
        if sidecar is not None:
            if sidecar.path in changing or (sidecar.is_fresh and not is_whole(sidecar)):
                raise Waits("its sidecar may still be written")
        elif self._reading.sidecar_required:
            raise Waits("it has no sidecar yet")
        elif self._reading.records:
            if self._id(media) not in recorded:
                raise Waits("it has no call record yet")
            call = joined(call, recorded[self._id(media)])
        return Found(media, sidecar, call)

    def _named(self, one: Seen) -> Call | None:
        template = self._reading.template
        return template.read(one.path) if template else None

    def _id(self, one: Seen) -> str:
        """What its call record has as unique id: the id in its name, or all of its name."""
        named = self._named(one)
        return (named and named.id) or readable(one.path.stem)

    def _take(self, archive: Archive, found: Found, action: Action) -> tuple[Accepted, Described]:
        """Take a recording in: under an id of its own where another one has its id."""
        name = readable(found.media.path)
        described = describe(found.media, name, found.call, found.sidecar, self._reading)
        with opened(found.media) as file:

            def check() -> None:
                found.media.check(os.fstat(file.fileno()), "it changed while it was read")

            try:
                return take_file(archive, described.marked(), file, action, check), described
            except Conflict as conflict:
                if conflict.code != Conflict.default_code:
                    raise
            described = described.as_another(digest_of(file, check))
            return take_file(archive, described.marked(), file, action, check), described

    def _move(self, found: Found, to: PurePosixPath, reason: str) -> None:
        """Move a recording, the media first: alone it would be taken for another one.

        Raises Waits where another file has its name by now, which is not moved, and OSError.
        """
        found.media.check(self._folder.status(found.media.path), "another file has its name by now")
        files = [one for one in (found.media, found.sidecar) if one]
        targets, is_numbered = free_places(self._folder, to, [one.path for one in files])
        for one, target in zip(files, targets, strict=True):
            if any(self._folder.exists(other) for other in self._have_sidecar.get(one.path, ())):
                self._copy(one, target)
            else:
                self._folder.move(one.path, target)
        if reason:
            write_reason(self._folder, targets[0], reason, is_numbered=is_numbered)

    def _copy(self, sidecar: Seen, target: PurePosixPath) -> None:
        """Copy a sidecar that other files need too, unless it cannot be read."""
        if sidecar.size > MOST_BYTES:
            return
        with suppress(Waits, Unreadable), opened(sidecar) as source, self._folder.create(target) as copy:
            os.fchmod(copy.fileno(), os.fstat(source.fileno()).st_mode & 0o666)
            copy.write(source.read(sidecar.size))
            copy.flush()
            os.utime(copy.fileno(), ns=(sidecar.mtime_ns, sidecar.mtime_ns))

    def _name(self, one: Seen) -> str:
        """Its relative name as it can be shown, whatever bytes it has."""
        return shown(one.path)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."
