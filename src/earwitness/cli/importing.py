"""earwitness import: recordings from a manifest, JSON Lines of ingest metadata."""

import os
import signal
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from io import BufferedReader
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from sqlalchemy.exc import DBAPIError

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.database.errors import as_problem
from earwitness.cli.operator import action
from earwitness.cli.output import AsJson, ClientId, fail, opened, say, tell_json
from earwitness.ingest.files.encodings import lines_of
from earwitness.ingest.files.folders import Folder, own_folders
from earwitness.ingest.sources.manifest import ManifestLine, import_lines, read_lines
from earwitness.kernel.errors import Problem, StorageFull, Unavailable
from earwitness.kernel.strict_json import printable
from earwitness.kernel.system.memory import seldom_look_for_garbage
from earwitness.kernel.system.processes import end_with_parent

COMMITTED_TOGETHER, _COMMITTED_TOGETHER_BYTES = 2000, 8 << 20
"""The most lines, and the most bytes, in one transaction. Other writes to the account wait for it."""

_LONGEST_ERROR = 2000

_READERS, _READ_AHEAD = 2, 3
"""How many processes read lines while earlier ones are committed, and how many batches they read ahead."""

Manifest = Annotated[
    Path,
    typer.Argument(
        metavar="MANIFEST",
        exists=True,
        dir_okay=False,
        readable=True,
        help="JSON Lines, one recording a line.",
    ),
]


MediaRoot = Annotated[
    Path | None,
    typer.Option(
        "--media-root",
        metavar="DIR",
        exists=True,
        file_okay=False,
        help="The folder of the media, to which `mediaPath` is relative (default: the manifest's folder).",
    ),
]


def import_(
    client_id: ClientId, manifest: Manifest, media_root: MediaRoot = None, as_json: AsJson = False
) -> None:
    """Import recordings: one JSON object of ingest metadata a line, with an optional `mediaPath`.

    `mediaPath` is relative to the manifest, and below its folder; see `--media-root`. Recordings that are
    already in the archive are skipped, so an interrupted import is simply run again.
    """
    if not manifest.is_file():
        fail("MANIFEST: expected a regular file, as it is read twice.", as_json=as_json)
    with manifest.open("rb") as file:
        count = sum(1 for line in lines_of(file) if line.strip())
    with _readers(count) as readers, opened(as_json) as accounts:
        seldom_look_for_garbage()
        media = Folder(media_root or manifest.parent, own_folders(accounts.settings))
        archive = accounts.open(client_id)
        with accounts.identity.reporting():
            imported, known, failures = _import(archive, manifest, media, count, readers, as_json)
    if as_json:
        tell_json({"imported": imported, "alreadyThere": known, "failed": failures})
    else:
        for failure in failures:
            say(f"line {failure['line']}: {failure['error']}")
        say(f"Imported {imported}, already there {known}, failed {len(failures)}.")
    if failures:
        raise typer.Exit(1)


def _import(
    archive: Archive, manifest: Path, media: Folder, count: int, readers: Executor, as_json: bool
) -> tuple[int, int, list[dict[str, int | str]]]:
    imported = known = settled = 0
    failures: list[dict[str, int | str]] = []
    by = action("import", "Import recording")
    columns = ("Importing", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=as_json, transient=True) as progress:
        task = progress.add_task("Importing", total=count)
        try:
            for batch in _read(manifest, readers):
                lines = {number: line for number, line in batch.items() if isinstance(line, ManifestLine)}
                outcomes = import_lines(archive, list(lines.values()), media, by)
                for number, outcome in (batch | dict(zip(lines, outcomes, strict=True))).items():
                    if isinstance(outcome, Problem):
                        error = printable(outcome.detail, _LONGEST_ERROR)
                        failures.append({"line": number, "error": error})
                    else:
                        imported, known = imported + bool(outcome), known + (not outcome)
                settled = max(batch)
                progress.advance(task, len(batch))
        except (StorageFull, Unavailable, DBAPIError, BrokenExecutor) as error:
            fail(f"line {settled + 1} or after it: {_why(error)} Run it again to continue.", as_json=as_json)
    return imported, known, failures


def _why(error: Exception) -> str:
    match error:
        case Problem():
            return error.with_cause
        case DBAPIError():
            return as_problem(error).with_cause
        case _:
            return "a process that reads lines was killed."


def _batches(file: BufferedReader) -> Iterator[Mapping[int, bytes]]:
    """The lines that are not blank, by number, in batches that are committed together."""
    batch: dict[int, bytes] = {}
    size_bytes = 0
    for number, line in enumerate(lines_of(file), start=1):
        if line.strip():
            batch[number] = line
            size_bytes += len(line)
        if len(batch) >= COMMITTED_TOGETHER or size_bytes >= _COMMITTED_TOGETHER_BYTES:
            yield batch
            batch, size_bytes = {}, 0
    if batch:
        yield batch


def _read(manifest: Path, readers: Executor) -> Iterator[dict[int, ManifestLine | Problem]]:
    """The parsed lines of each batch, by number. The next batches are parsed in the meantime."""
    ahead: deque[tuple[Iterable[int], Future[list[ManifestLine | Problem]]]] = deque()
    with manifest.open("rb") as file:
        for batch in _batches(file):
            ahead.append((batch, readers.submit(read_lines, list(batch.values()))))
            if len(ahead) > _READ_AHEAD:
                yield _numbered(*ahead.popleft())
    while ahead:
        yield _numbered(*ahead.popleft())


def _numbered(
    numbers: Iterable[int], reading: Future[list[ManifestLine | Problem]]
) -> dict[int, ManifestLine | Problem]:
    return dict(zip(numbers, reading.result(), strict=True))


def _readers(count: int) -> Executor:
    """The executor that parses lines. Its processes are forked before anything is opened."""
    if count <= COMMITTED_TOGETHER:
        return ThreadPoolExecutor(1)
    processes = max(1, min(_READERS, (os.cpu_count() or 2) - 1))
    readers = ProcessPoolExecutor(processes, get_context("fork"), _as_reader)
    readers.submit(bool)
    return readers


def _as_reader() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command itself handles it
    end_with_parent()
