"""A watched folder: finished files are ingested, and moved to `done`, or to `failed` with the reason.

    call.wav                   a recording, here or in any folder below
    call.json                  its sidecar: ingest metadata; `call.wav.json` is one too
    done/ failed/              where files are moved, under the same relative name
    failed/call.wav.reason.txt why it failed

A file is finished if two looks find it unchanged, and no process has it open for writing, as far as this
process may see. If the watcher is killed after it ingested a file and before it moved it, the next watcher
sees the file again. It is the same recording again, by its thirdPartyId, and is only moved.

Others write in the folder. So everything in it is opened by `Folder`, and control characters are removed from
every text about it.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePosixPath

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.ledger.ledger import Action
from earwitness.ingest.arrivals import Accepted
from earwitness.ingest.files.folders import TOP, Folder, others_may_write
from earwitness.ingest.files.seen_files import MustWait, SeenFile, Unreadable, open_seen
from earwitness.ingest.files.shown_names import readable, shown
from earwitness.ingest.sources.call_records import joined
from earwitness.ingest.sources.descriptions import Description, FolderRules, describe
from earwitness.ingest.sources.failed_files import FailedFile, failed_files, free_places, write_reason
from earwitness.ingest.sources.file_ingest import digest_of, ingest_file
from earwitness.ingest.sources.file_names import CallFacts
from earwitness.ingest.sources.folder_look import FolderLook
from earwitness.ingest.sources.sidecars import MOST_BYTES
from earwitness.kernel.errors import BadRequest, Conflict, Problem, StorageFull, Unavailable
from earwitness.kernel.strict_json import printable

DONE, FAILED = PurePosixPath("done"), PurePosixPath("failed")

_LOCK = PurePosixPath(".earwitness-watch")
_LONGEST_REASON = 2000


@dataclass(frozen=True, slots=True)
class FoundRecording:
    """A recording in the folder: its media, its sidecar, and what its name and its call record say."""

    media: SeenFile
    sidecar: SeenFile | None = None
    call: CallFacts | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file: it is in the archive, or the reason why not. `waits` means that it may be later.

    `note` names the doubtful fields of what was taken. Both texts can be printed, whatever the file holds.
    """

    file: str
    accepted: Accepted | None = None
    reason: str = ""
    waits: bool = False
    note: str = ""


class WatchedFolder:
    """A folder whose finished files are ingested, by one watcher at a time: see `locked`."""

    def __init__(self, folder: Path, rules: FolderRules, own: Iterable[Path] = ()) -> None:
        """Hold a folder open; `own` are the folders of the archive itself. Raises OSError."""
        self._folder = Folder(folder, own)
        self._rules = rules
        self._look: FolderLook | None = None
        self._recorded: dict[str, CallFacts] = {}
        self._unmovable: set[SeenFile] = set()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the folder against other watchers. Raises Conflict and OSError."""
        for name in (DONE, FAILED):
            self._folder.make(name)
        with ExitStack() as cleanup:
            try:
                cleanup.enter_context(self._folder.locked(_LOCK))
            except BlockingIOError:
                raise Conflict("Another process is already watching this folder.") from None
            yield

    def failed(self) -> list[FailedFile]:
        """The recordings that failed and can be put back."""
        return failed_files(self._folder, FAILED)

    def others_write(self) -> str | None:
        """The first folder, this one or one below, in which users other than root may write; None if none."""
        there = chain([(TOP, self._folder.status(TOP))], self._folder.walk())
        folders = (
            path for path, status in there if stat.S_ISDIR(status.st_mode) and others_may_write(status)
        )
        return next((shown(self._folder.path / path) for path in folders), None)

    def look(self) -> tuple[list[FoundRecording], list[Outcome]]:
        """Look once: returns the recordings that can be ingested, oldest first, and those that wait.

        Raises Conflict if another folder has the name by now, and OSError if the call records cannot be read.
        """
        if not self._folder.is_in_place():
            raise Conflict("The folder was moved away or replaced: start the watcher again.")
        self._look = look = FolderLook(self._folder, (DONE, FAILED), self._unmovable, self._look)
        media = look.media()
        recorded = self._settled_records(media)
        ready, waiting = [], []
        for one in sorted(media, key=lambda one: (one.mtime_ns, one.path)):
            try:
                ready.append(self._found(one, look, recorded))
            except MustWait as why:
                waiting.append(Outcome(shown(one.path), reason=str(why), waits=True))
        return ready, waiting

    def ingest(self, archive: Archive, found: FoundRecording, action: Action) -> Outcome:
        """Ingest a recording and move it to `done`; or to `failed`, with the reason.

        Raises StorageFull, Unavailable and SQLAlchemyError; then it stays where it is.
        """
        name, accepted, reason, note = shown(found.media.path), None, "", ""
        try:
            accepted, description = self._ingest(archive, found, action)
            note = "; ".join(f"{field}: {doubt}" for field, doubt in description.doubts.items())
        except (StorageFull, Unavailable):
            raise
        except MustWait as why:
            return Outcome(name, reason=str(why), waits=True)
        except Problem as problem:
            reason = f"{_sentence(printable(problem.detail, _LONGEST_REASON))} {self._way_out(problem)}"
        note = printable(note, _LONGEST_REASON)
        try:
            self._move(found, DONE if accepted else FAILED, reason)
        except MustWait as why:
            return Outcome(name, accepted, reason and str(why), waits=accepted is None, note=note)
        except OSError as error:
            self._unmovable.add(found.media)
            reason = f"{reason} It cannot be moved: {error.strerror}.".lstrip()
        return Outcome(name, accepted, reason, note=note)

    def _way_out(self, problem: Problem) -> str:
        """What the operator can do so that the file is ingested after all."""
        if isinstance(problem, Unreadable):
            return "Once it can be read, --retry-failed takes it."
        if isinstance(problem, BadRequest) and not self._rules.take_anyway:
            return "Correct that and use --retry-failed, or take it as it is: --retry-failed --take-anyway."
        return "Once that is mended, --retry-failed takes it."

    def _settled_records(self, media: Iterable[SeenFile]) -> dict[str, CallFacts]:
        """The call records of these files, if the look before found the same ones."""
        before, records = self._recorded, self._rules.call_records
        self._recorded = records.of({self._call_id(one) for one in media}) if records else {}
        return {id_: call for id_, call in self._recorded.items() if call == before.get(id_)}

    def _found(self, media: SeenFile, look: FolderLook, recorded: dict[str, CallFacts]) -> FoundRecording:
        """A recording that can be ingested. Raises MustWait."""
        call, sidecar = self._call_by_name(media), look.finished_sidecar(media)
        if sidecar is None and self._rules.sidecar_required:
            raise MustWait("it has no sidecar yet")
        if sidecar is None and self._rules.call_records:
            if self._call_id(media) not in recorded:
                raise MustWait("it has no call record yet")
            call = joined(call, recorded[self._call_id(media)])
        return FoundRecording(media, sidecar, call)

    def _call_by_name(self, media: SeenFile) -> CallFacts | None:
        template = self._rules.template
        return template.read(media.path) if template else None

    def _call_id(self, media: SeenFile) -> str:
        """The unique id that its call record has: the id in the file's name, or else the whole name."""
        named = self._call_by_name(media)
        return (named and named.id) or readable(media.path.stem)

    def _ingest(
        self, archive: Archive, found: FoundRecording, action: Action
    ) -> tuple[Accepted, Description]:
        """Ingest a recording. If another recording has its id, it gets an id of its own."""
        name = readable(found.media.path)
        description = describe(found.media, name, found.call, found.sidecar, self._rules)
        with open_seen(found.media) as file:

            def check() -> None:
                found.media.check(os.fstat(file.fileno()), "it changed while it was read")

            try:
                return ingest_file(archive, description.marked(), file, action, check), description
            except Conflict as conflict:
                if conflict.code != Conflict.default_code:
                    raise
            description = description.with_own_id(digest_of(file, check))
            return ingest_file(archive, description.marked(), file, action, check), description

    def _move(self, found: FoundRecording, to: PurePosixPath, reason: str) -> None:
        """Move a recording. The media is moved first, because a sidecar alone does not count as a recording.

        Raises MustWait if another file has its name by now, which is not moved, and OSError.
        """
        found.media.check(self._folder.status(found.media.path), "another file has its name by now")
        files = [one for one in (found.media, found.sidecar) if one]
        targets, is_numbered = free_places(self._folder, to, [one.path for one in files])
        for one, target in zip(files, targets, strict=True):
            users = self._look.users_of(one.path) if self._look else ()
            if any(self._folder.exists(other) for other in users):
                self._copy(one, target)
            else:
                self._folder.move(one.path, target)
        if reason:
            write_reason(self._folder, targets[0], reason, is_numbered=is_numbered)

    def _copy(self, sidecar: SeenFile, target: PurePosixPath) -> None:
        """Copy a sidecar that other files still need, unless it cannot be read."""
        if sidecar.size > MOST_BYTES:
            return
        with (
            suppress(MustWait, Unreadable),
            open_seen(sidecar) as source,
            self._folder.create(target) as copy,
        ):
            os.fchmod(copy.fileno(), os.fstat(source.fileno()).st_mode & 0o666)
            copy.write(source.read(sidecar.size))
            copy.flush()
            os.utime(copy.fileno(), ns=(sidecar.mtime_ns, sidecar.mtime_ns))


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."
