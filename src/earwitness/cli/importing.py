"""earwitness import: recordings from a manifest, JSON Lines of ingest metadata."""

from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from sqlalchemy.exc import OperationalError

from earwitness.archive.accounts import Archive
from earwitness.archive.databases import as_problem
from earwitness.cli.operator import action
from earwitness.cli.output import AsJson, ClientId, fail, opened, say, tell_json
from earwitness.ingest.manifest import Line, import_lines, read_line
from earwitness.kernel.errors import Problem, StorageFull, Unavailable

COMMITTED_TOGETHER, _COMMITTED_TOGETHER_BYTES = 500, 8 << 20
"""Lines, and bytes of them. What others write to the archive waits for as long as these take."""

Manifest = Annotated[
    Path,
    typer.Argument(
        metavar="MANIFEST", exists=True, dir_okay=False, readable=True, help="JSON Lines, one recording each."
    ),
]


def import_(client_id: ClientId, manifest: Manifest, as_json: AsJson = False) -> None:
    """Import recordings: ingest metadata, one JSON object a line, with an optional `mediaPath`.

    `mediaPath` is relative to the manifest. What is in the archive already is passed over, so that an
    import that was cut off is simply run again.
    """
    with opened(as_json) as accounts:
        imported, known, failures = _import(accounts.open(client_id), manifest, as_json)
    if as_json:
        tell_json({"imported": imported, "alreadyThere": known, "failed": failures})
    else:
        for failure in failures:
            say(f"line {failure['line']}: {failure['error']}")
        say(f"Imported {imported}, already there {known}, failed {len(failures)}.")
    if failures:
        raise typer.Exit(1)


def _import(archive: Archive, manifest: Path, as_json: bool) -> tuple[int, int, list[dict[str, int | str]]]:
    imported = known = 0
    failures: list[dict[str, int | str]] = []
    by = action("import", "Import recording")
    columns = ("Importing", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with manifest.open("rb") as file:
        total = sum(1 for line in file if line.strip())
    with Progress(*columns, console=Console(stderr=True), disable=as_json, transient=True) as progress:
        task = progress.add_task("Importing", total=total)
        with manifest.open("rb") as file:
            for batch in _batches(file, manifest.parent):
                lines = {number: line for number, line in batch.items() if isinstance(line, Line)}
                try:
                    outcomes = import_lines(archive, list(lines.values()), by)
                except (StorageFull, Unavailable, OperationalError) as error:
                    detail = (error if isinstance(error, Problem) else as_problem(error)).detail
                    fail(f"line {min(batch)} or after it: {detail} Run it again to go on.", as_json=as_json)
                for number, outcome in (batch | dict(zip(lines, outcomes, strict=True))).items():
                    if isinstance(outcome, Problem):
                        failures.append({"line": number, "error": outcome.detail})
                    else:
                        imported, known = imported + bool(outcome), known + (not outcome)
                progress.advance(task, len(batch))
    return imported, known, failures


def _batches(file: BufferedReader, folder: Path) -> Iterator[dict[int, Line | Problem]]:
    """The lines that are not blank, by their numbers, as many as are committed together."""
    batch: dict[int, Line | Problem] = {}
    size_bytes = 0
    for number, line in enumerate(file, start=1):
        if line.strip():
            batch[number] = _read(line, folder)
            size_bytes += len(line)
        if len(batch) >= COMMITTED_TOGETHER or size_bytes >= _COMMITTED_TOGETHER_BYTES:
            yield batch
            batch, size_bytes = {}, 0
    if batch:
        yield batch


def _read(line: bytes, folder: Path) -> Line | Problem:
    try:
        return read_line(line, folder)
    except Problem as problem:
        return problem
