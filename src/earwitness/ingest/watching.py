"""A watched folder: finished files are taken in, and moved to `done`, or to `failed` with the reason.

    call.wav                   a recording, here or in any folder below
    call.json                  its sidecar: ingest metadata; `call.wav.json` is one too
    done/ failed/              where they go, under the same relative name
    failed/call.wav.reason.txt why

A file is taken once it is finished: it looked the same twice, and nobody holds it open for writing as
far as this process may see. Whatever happens between taking and moving, a file that is seen again is
the same recording again, by its thirdPartyId, and is moved alone.
"""

import fcntl
import json
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from earwitness.archive.accounts import Archive
from earwitness.archive.ledger import Action
from earwitness.ingest.accept import Accepted
from earwitness.ingest.call_records import CallRecords, joined
from earwitness.ingest.naming import Call, Template
from earwitness.ingest.open_files import open_for_writing
from earwitness.ingest.reception import receive
from earwitness.ingest.subjects import Subjects, metadata_of
from earwitness.kernel import strict_json
from earwitness.kernel.clock import now_ms
from earwitness.kernel.errors import BadRequest, Conflict, Fault, Problem, StorageFull, Unavailable

DONE, FAILED = "done", "failed"

_LOCK = ".earwitness-watch"
_UNFINISHED = (".part", ".tmp", ".filepart", ".crdownload")
_GIVES_UP_AFTER_MS = 60_000
_READ_AT_ONCE_BYTES = 1 << 20
_MOST_SIDECAR_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Reading:
    """How the files of a folder are understood, beside their sidecars, whose word comes first."""

    template: Template | None = None
    records: CallRecords | None = None
    subjects: Subjects = Subjects()
    source: str = ""
    sidecar_required: bool = True


@dataclass(frozen=True, slots=True)
class Seen:
    """A file, and what tells whether it has changed since."""

    path: Path
    device: int
    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path, status: os.stat_result) -> "Seen":
        return cls(path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)

    @property
    def is_fresh(self) -> bool:
        return now_ms() - self.mtime_ns // 1_000_000 < _GIVES_UP_AFTER_MS


@dataclass(frozen=True, slots=True)
class Found:
    """A recording in the folder: its media, its sidecar, and what its name and call record say."""

    media: Seen
    sidecar: Seen | None = None
    call: Call | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file: it is in the archive, or the reason why it is not (yet, if it `waits`)."""

    file: str
    accepted: Accepted | None = None
    reason: str = ""
    waits: bool = False


class Waits(Exception):
    """It is not taken yet; its text is why."""


class WatchedFolder:
    """A folder whose finished files are taken in. One watcher at a time: see `alone`."""

    def __init__(self, folder: Path, reading: Reading) -> None:
        self._folder = folder
        self._reading = reading
        self._seen: dict[Path, Seen] = {}
        self._unmoved: set[Seen] = set()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Watch, with nobody else watching the same folder. Raises Conflict, and OSError."""
        for name in (DONE, FAILED):
            (self._folder / name).mkdir(exist_ok=True)
        with (self._folder / _LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Conflict("Another process is already watching this folder.") from None
            yield

    def look(self) -> tuple[list[Found], list[Outcome]]:
        """Look once: what is finished since the last look and can be taken, oldest first; and what waits."""
        before, self._seen = self._seen, {one.path: one for one in self._files()}
        media = [one for one in self._seen.values() if not self._is_sidecar(one) and one not in self._unmoved]
        held = open_for_writing({one.path.name for one in self._seen.values() if one == before.get(one.path)})
        changing = {
            path
            for path, one in self._seen.items()
            if one != before.get(path) or (one.device, one.inode) in held or (one.size == 0 and one.is_fresh)
        }
        records = self._reading.records
        recorded = records.of({self._id(one) for one in media}) if records else {}
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
        name, accepted, reason = self._name(found.media), None, ""
        try:
            accepted = self._take(archive, found, action)
        except (StorageFull, Unavailable):
            raise
        except Waits as why:
            return Outcome(name, reason=str(why), waits=True)
        except Problem as problem:
            reason = problem.detail
        try:
            self._move(found, DONE if accepted else FAILED, reason)
        except OSError as error:
            self._unmoved.add(found.media)
            reason = f"{reason} It cannot be moved: {os.strerror(error.errno or 0)}.".lstrip()
        return Outcome(name, accepted, reason)

    def _files(self) -> Iterator[Seen]:
        """The files of the folder and of those below it; links are not followed, hidden ones left alone."""
        for parent, folders, names in os.walk(self._folder):
            is_top = Path(parent) == self._folder
            folders[:] = [
                one for one in folders if not one.startswith(".") and not (is_top and one in (DONE, FAILED))
            ]
            for name in names:
                path = Path(parent, name)
                if name.startswith(".") or name.lower().endswith(_UNFINISHED):
                    continue
                with suppress(OSError):  # it is gone, or closed to us
                    status = path.lstat()
                    if stat.S_ISREG(status.st_mode):
                        yield Seen.of(path, status)

    def _found(self, media: Seen, recorded: dict[str, Call], changing: set[Path]) -> Found:
        """A recording that can be taken. Raises Waits."""
        if media.path in changing:
            raise Waits("it may still be written")
        call, sidecar = self._named(media), self._sidecar(media)
        if sidecar is not None:
            if sidecar.path in changing or (sidecar.is_fresh and not _is_whole(sidecar)):
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
        return template.read(self._relative(one)) if template else None

    def _id(self, one: Seen) -> str:
        """What its call record has as unique id: the id in its name, or all of its name."""
        named = self._named(one)
        return (named and named.id) or one.path.stem

    def _sidecar(self, media: Seen) -> Seen | None:
        beside = (media.path.with_name(f"{media.path.name}.json"), media.path.with_suffix(".json"))
        return next((self._seen[path] for path in beside if path in self._seen), None)

    def _is_sidecar(self, one: Seen) -> bool:
        return one.path.suffix == ".json"

    def _take(self, archive: Archive, found: Found, action: Action) -> Accepted:
        body = self._metadata(found)
        with _opened(found.media) as file, receive(archive) as reception:
            reception.write(b"")
            while data := file.read(_READ_AT_ONCE_BYTES):
                reception.write(data)
            if Seen.of(found.media.path, os.fstat(file.fileno())) != found.media:
                raise Waits("it changed while it was read")
            return reception.accept(body, action)

    def _metadata(self, found: Found) -> bytes:
        """What is sent with the media: by its sidecar, else by its name and record, else by its place."""
        if found.call is None and found.sidecar is None:
            raise BadRequest("Its name does not match the template, and it has no sidecar.")
        known: dict[str, Any] = {"thirdPartyId": str(self._relative(found.media))}
        if self._reading.source:
            known["source"] = self._reading.source
        if found.call is not None:
            known |= metadata_of(found.call, self._reading.subjects)
        if found.sidecar is not None:
            known |= _read_sidecar(found.sidecar)
        return json.dumps(known).encode()

    def _move(self, found: Found, to: str, reason: str) -> None:
        """Move a recording, the media first: alone it would be taken for another one."""
        files = [one.path for one in (found.media, found.sidecar) if one]
        targets = self._free(to, files)
        for path, target in zip(files, targets, strict=True):
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
        if reason:
            targets[0].with_name(f"{targets[0].name}.reason.txt").write_text(
                f"{reason}\n", "utf-8", "replace"
            )

    def _free(self, to: str, files: Sequence[Path]) -> list[Path]:
        """Where files are moved to; with a number before names that are taken, as nothing is replaced."""
        for number in count(1):
            head = "" if number == 1 else f"{number}-"
            places = [path.relative_to(self._folder) for path in files]
            targets = [self._folder / to / place.with_name(f"{head}{place.name}") for place in places]
            if not any(target.exists() for target in targets):
                return targets
        raise AssertionError("there is always a free name")

    def _relative(self, one: Seen) -> PurePosixPath:
        return PurePosixPath(one.path.relative_to(self._folder))

    def _name(self, one: Seen) -> str:
        """Its relative name as it can be shown, whatever bytes it has."""
        name = os.fsencode(self._relative(one)).decode(errors="replace")
        return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in name)


@contextmanager
def _opened(one: Seen) -> Iterator[BinaryIO]:
    """Open the very file that was seen. Raises Waits if it is another one by now, BadRequest."""
    try:
        descriptor = os.open(one.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Waits("it is gone") from None
    except OSError as error:
        raise BadRequest(f"It cannot be read: {os.strerror(error.errno or 0)}.") from None
    with os.fdopen(descriptor, "rb") as file:
        if Seen.of(one.path, os.fstat(descriptor)) != one:
            raise Waits("it may still be written")
        yield file


def _read_sidecar(sidecar: Seen) -> dict[str, Any]:
    """A sidecar's members, as they are: what is wrong in their texts is mended and marked where all is."""
    if sidecar.size > _MOST_SIDECAR_BYTES:
        raise BadRequest("Its sidecar is too large.")
    with _opened(sidecar) as file:
        body = file.read()
    sent, _ = strict_json.loads_mending(body)
    if not isinstance(sent, dict):
        raise BadRequest.of(Fault("", "expected an object"))
    members: dict[str, Any] = json.loads(body)
    return members


def _is_whole(sidecar: Seen) -> bool:
    """Whether all of its JSON is there; what else is wrong with it is said when it is read. Raises Waits."""
    if sidecar.size > _MOST_SIDECAR_BYTES:
        return True
    try:
        with _opened(sidecar) as file:
            json.load(file)
    except (BadRequest, RecursionError):
        return True
    except ValueError:
        return False
    return True
