"""earwitness watch: a folder whose finished files are ingested."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from earwitness.archive.accounts.accounts import Accounts
from earwitness.cli.output import AsJson, ClientId, fail, opened
from earwitness.cli.watch_runs import watch_once, watch_until_stopped
from earwitness.ingest.files.folders import own_folders
from earwitness.ingest.sources.call_records import CallRecords
from earwitness.ingest.sources.descriptions import FolderRules
from earwitness.ingest.sources.file_names import ASTERISK, Template
from earwitness.ingest.sources.headerless_files import StatedFormat
from earwitness.ingest.sources.subjects import Side, Subjects
from earwitness.ingest.sources.watched_folder import WatchedFolder
from earwitness.media.measurement import HeaderlessCodec


class Preset(StrEnum):
    """A program that writes recordings with file names of its own."""

    ASTERISK = "asterisk"


class Sidecar(StrEnum):
    """Whether a file without a sidecar waits for it."""

    REQUIRED = "required"
    OPTIONAL = "optional"


_AS_ROOT = "WARNING: other users than root may write in {}. Do not watch it as root: see docs/watch.md."

Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", exists=True, file_okay=False, help="It, and all below it.")
]
TemplateText = Annotated[
    str | None,
    typer.Option(
        "--template", help="How files are named, for example {start:%Y%m%d-%H%M%S}_{from}_{to}_{id}."
    ),
]
PresetName = Annotated[
    Preset | None, typer.Option("--preset", help="Read file names as FreePBX writes them.")
]
Records = Annotated[
    Path | None,
    typer.Option(
        "--cdr", exists=True, dir_okay=False, help="The file of Asterisk's call records, Master.csv."
    ),
]
Zone = Annotated[str, typer.Option("--time-zone", help="The time zone of times in names and call records.")]
Own = Annotated[
    list[str] | None, typer.Option("--own", help="A prefix of the firm's own numbers; may be repeated.")
]
Subject = Annotated[Side | None, typer.Option("--subject", help="The side that is the recording subject.")]
SidecarRule = Annotated[
    Sidecar | None,
    typer.Option(
        "--sidecar", help="`required`: a file waits for its sidecar; `optional`: it is taken without one."
    ),
]
Source = Annotated[str, typer.Option("--source", help="The source to note in the recordings.")]
Codec = Annotated[
    str | None, typer.Option("--codec", help="The codec of files without a header, whatever their extension.")
]
SampleRate = Annotated[
    int | None,
    typer.Option(
        "--sample-rate", min=4000, max=384_000, help="The sample rate of PCM in these files, in Hz."
    ),
]
Channels = Annotated[
    int | None,
    typer.Option("--channels", min=1, max=64, help="The number of channels of PCM in these files."),
]
TakeAnyway = Annotated[
    bool,
    typer.Option(
        "--take-anyway",
        help="Also take files that are described badly or not at all, and mark what is assumed.",
    ),
]
RetryFailed = Annotated[
    bool, typer.Option("--retry-failed", help="First put back the files in `failed`, and take them again.")
]
Every = Annotated[float, typer.Option("--every", min=0.01, help="Seconds between two looks.")]
Once = Annotated[bool, typer.Option("--once", help="Take what is there, then exit.")]


def watch(
    client_id: ClientId,
    folder: Folder,
    template: TemplateText = None,
    preset: PresetName = None,
    cdr: Records = None,
    time_zone: Zone = "UTC",
    own: Own = None,
    subject: Subject = None,
    sidecar: SidecarRule = None,
    source: Source = "",
    codec: Codec = None,
    sample_rate: SampleRate = None,
    channels: Channels = None,
    take_anyway: TakeAnyway = False,
    retry_failed: RetryFailed = False,
    every: Every = 2.0,
    once: Once = False,
    as_json: AsJson = False,
) -> None:
    """Watch a folder: ingest finished files, then move them to `done`, or to `failed` with the reason.

    A file is described by a sidecar, `call.json` beside `call.wav`, or by its name.
    """
    if template and preset:
        fail("Give --template or --preset, not both.", as_json=as_json)
    try:
        zone = _zone(time_zone)
        rules = FolderRules(
            template=Template(ASTERISK if preset else template or "", zone) if template or preset else None,
            call_records=CallRecords(cdr, zone) if cdr else None,
            subjects=Subjects(subject, tuple(own or ())),
            source=source,
            sidecar_required=_needs_sidecar(sidecar, template or preset or cdr, take_anyway=take_anyway),
            stated_format=StatedFormat(_codec(codec), sample_rate, channels, is_asterisk=bool(preset or cdr)),
            take_anyway=take_anyway,
        )
    except ValueError as error:
        fail(f"{error}.", as_json=as_json)
    with opened(as_json) as accounts:
        archive, run = accounts.open(client_id), watch_once if once else watch_until_stopped
        with _watched(folder, rules, accounts, as_json=as_json) as watched:
            run(watched, archive, watched.failed() if retry_failed else [], every, as_json)


@contextmanager
def _watched(
    folder: Path, rules: FolderRules, accounts: Accounts, *, as_json: bool
) -> Iterator[WatchedFolder]:
    """The folder, which no other process watches meanwhile. The command fails if it cannot be used."""
    try:
        watched = WatchedFolder(folder, rules, own_folders(accounts.settings))
        _warn_root(watched)
        with watched.locked(), accounts.identity.reporting():
            yield watched
    except OSError as error:
        fail(f"{error.filename or folder}: {error.strerror}", as_json=as_json)


def _warn_root(watched: WatchedFolder) -> None:
    """Warn root on standard error if others may write in the folder."""
    if os.geteuid() == 0 and (writable := watched.others_write()):
        typer.echo(_AS_ROOT.format(writable), err=True)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError):
        raise ValueError(f"--time-zone: there is no {name}") from None


def _codec(name: str | None) -> HeaderlessCodec | None:
    known: tuple[HeaderlessCodec, ...] = get_args(HeaderlessCodec)
    for codec in known:
        if codec == name:
            return codec
    if name is not None:
        raise ValueError(f"--codec: expected one of {', '.join(known)}")
    return None


def _needs_sidecar(sidecar: Sidecar | None, is_named: object, *, take_anyway: bool) -> bool:
    """A sidecar is required unless names or call records describe files, or the operator says `optional`."""
    if sidecar is Sidecar.OPTIONAL and not (is_named or take_anyway):
        raise ValueError("--sidecar optional needs --template, --preset, --cdr or --take-anyway")
    return sidecar is Sidecar.REQUIRED or (sidecar is None and not is_named)
