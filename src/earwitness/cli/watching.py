"""earwitness watch: a folder whose finished files are taken in."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import typer
from sqlalchemy.exc import DBAPIError

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.database.engines import as_problem
from earwitness.cli.operator import action
from earwitness.cli.output import AsJson, ClientId, fail, opened, say, tell_json
from earwitness.ingest.files.folders import own_folders
from earwitness.ingest.sources.call_records import CallRecords
from earwitness.ingest.sources.descriptions import FolderRules
from earwitness.ingest.sources.failed_files import FailedFile
from earwitness.ingest.sources.file_names import ASTERISK, Template
from earwitness.ingest.sources.headerless_files import StatedFormat
from earwitness.ingest.sources.subjects import Side, Subjects
from earwitness.ingest.sources.watched_folder import Outcome, WatchedFolder
from earwitness.kernel.errors import StorageFull, Unavailable
from earwitness.media.measurement import HeaderlessCodec


class Preset(StrEnum):
    """Where files come from that are named as usual there."""

    ASTERISK = "asterisk"


class Sidecar(StrEnum):
    """Whether a file without a sidecar waits for it."""

    REQUIRED = "required"
    OPTIONAL = "optional"


_AS_ROOT = (
    "WARNING: others than root may write in {}. Do not watch as root: docs/watch.md, Who may write there."
)
_IN_THE_WAY = "another file is where it was found, or it cannot be moved there"
_STATES = {"taken": "Taken", "alreadyThere": "Already there", "failed": "Failed", "waiting": "Waiting"}

Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", exists=True, file_okay=False, help="It, and all below it.")
]
TemplateText = Annotated[
    str | None,
    typer.Option(
        "--template", help="How files are named, for example {start:%Y%m%d-%H%M%S}_{from}_{to}_{id}."
    ),
]
PresetName = Annotated[Preset | None, typer.Option("--preset", help="Files named as by FreePBX.")]
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
    typer.Option("--sidecar", help="`optional`: a file without a sidecar is taken by its name."),
]
Source = Annotated[str, typer.Option("--source", help="The source that recordings name.")]
Codec = Annotated[
    str | None, typer.Option("--codec", help="What files without a header hold, whatever their extension.")
]
SampleRate = Annotated[
    int | None, typer.Option("--sample-rate", min=4000, max=384_000, help="Their samples a second, of PCM.")
]
Channels = Annotated[int | None, typer.Option("--channels", min=1, max=64, help="Their channels, of PCM.")]
TakeAnyway = Annotated[
    bool,
    typer.Option(
        "--take-anyway", help="Take also what is described badly or not at all; what is assumed is marked."
    ),
]
RetryFailed = Annotated[
    bool, typer.Option("--retry-failed", help="First put back what is in `failed`, to take it again.")
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
        reading = FolderRules(
            template=Template(ASTERISK if preset else template or "", zone) if template or preset else None,
            call_records=CallRecords(cdr, zone) if cdr else None,
            subjects=Subjects(subject, tuple(own or ())),
            source=source,
            sidecar_required=_required(sidecar, template or preset or cdr, take_anyway=take_anyway),
            stated_format=StatedFormat(_codec(codec), sample_rate, channels, is_asterisk=bool(preset or cdr)),
            take_anyway=take_anyway,
        )
    except ValueError as error:
        fail(f"{error}.", as_json=as_json)
    with opened(as_json) as accounts:
        archive, take = accounts.open(client_id), _take_once if once else _take_on
        try:
            watched = WatchedFolder(folder, reading, own_folders(accounts.settings))
            _warn_root(watched)
            with watched.alone(), accounts.identity.reporting():
                take(watched, archive, watched.failed() if retry_failed else [], every, as_json)
        except OSError as error:
            fail(f"{error.filename or folder}: {error.strerror}", as_json=as_json)


def _warn_root(watched: WatchedFolder) -> None:
    """Say, on the standard error, that root should not do this where others write."""
    if os.geteuid() == 0 and (theirs := watched.others_write()):
        typer.echo(_AS_ROOT.format(theirs), err=True)


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


def _required(sidecar: Sidecar | None, is_named: object, *, take_anyway: bool) -> bool:
    """A sidecar is required unless names or call records tell, or it is said to be optional."""
    if sidecar is Sidecar.OPTIONAL and not (is_named or take_anyway):
        raise ValueError("--sidecar optional needs --template, --preset, --cdr or --take-anyway")
    return sidecar is Sidecar.REQUIRED or (sidecar is None and not is_named)


def _take_once(
    watched: WatchedFolder, archive: Archive, failed: list[FailedFile], every: float, as_json: bool
) -> None:
    """Look twice, take what is finished, and say what became of everything that was there."""
    outcomes: list[Outcome] = []
    by = action("watch", "Ingest recording")
    try:
        while True:
            failed, were = _put_back(failed), len(failed)
            watched.look()
            time.sleep(every)
            ready, waiting = watched.look()
            with _answering():
                outcomes += [watched.ingest(archive, found, by) for found in ready]
            if not failed or len(failed) == were:
                break
    except (StorageFull, Unavailable) as error:
        fail(f"{error.detail} Run it again to go on.", as_json=as_json)
    outcomes += [*waiting, *(Outcome(one.name, reason=_IN_THE_WAY, waits=True) for one in failed)]
    told = {state: [one for one in outcomes if _state(one) == state] for state in _STATES}
    if as_json:
        tell_json({state: [_fields(one) for one in ones] for state, ones in told.items()})
    else:
        for outcome in outcomes:
            say(_words(outcome))
        say(", ".join(f"{words} {len(told[state])}" for state, words in _STATES.items()) + ".")
    if any(outcome.reason and not outcome.waits for outcome in outcomes):
        raise typer.Exit(1)


def _take_on(
    watched: WatchedFolder, archive: Archive, failed: list[FailedFile], every: float, as_json: bool
) -> None:
    """Take what is finished until told to stop, saying what becomes of each file."""
    stopping = threading.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: stopping.set())
    by, trouble = action("watch", "Ingest recording"), ""
    while not stopping.is_set():
        failed = _put_back(failed)
        ready, _ = watched.look()
        try:
            for found in ready:
                if stopping.is_set():
                    return
                with _answering():
                    outcome = watched.ingest(archive, found, by)
                _say_line(_fields(outcome) | {"state": _state(outcome)}, _words(outcome), as_json)
                trouble = ""
        except (StorageFull, Unavailable) as error:
            if error.detail != trouble:
                trouble = error.detail
                _say_line({"error": trouble}, f"{trouble} It is tried again.", as_json)
        stopping.wait(every)


def _put_back(failed: list[FailedFile]) -> list[FailedFile]:
    """Put back what failed; what a file of its name is in the way of comes with a later look."""
    return [one for one in failed if not one.put_back()]


@contextmanager
def _answering() -> Iterator[None]:
    """Turn trouble of the database into Unavailable or StorageFull: nothing is wrong with the file then."""
    try:
        yield
    except DBAPIError as error:
        raise as_problem(error) from None


def _state(outcome: Outcome) -> str:
    if outcome.accepted:
        return "taken" if outcome.accepted.is_new else "alreadyThere"
    return "waiting" if outcome.waits else "failed"


def _fields(outcome: Outcome) -> dict[str, Any]:
    fields: dict[str, Any] = {"file": outcome.file}
    if outcome.accepted:
        fields["interactionId"] = outcome.accepted.interaction_id
        fields["thirdPartyId"] = outcome.accepted.third_party_id
    more = {"reason": outcome.reason, "note": outcome.note}
    return fields | {name: text for name, text in more.items() if text}


def _words(outcome: Outcome) -> str:
    at = f" as interactionId {outcome.accepted.interaction_id}" if outcome.accepted else ""
    reason = f": {outcome.reason}" if outcome.reason else ""
    note = f" ({outcome.note})" if outcome.note else ""
    return f"{outcome.file} {_STATES[_state(outcome)].lower()}{at}{note}{reason}"


def _say_line(fields: dict[str, Any], words: str, as_json: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.encode(fields))
    else:
        say(words)
