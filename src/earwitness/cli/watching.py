"""earwitness watch: a folder whose finished files are taken in."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import typer
from sqlalchemy.exc import OperationalError

from earwitness.archive.accounts import Archive
from earwitness.archive.databases import as_problem
from earwitness.cli.operator import action
from earwitness.cli.output import AsJson, ClientId, fail, opened, say, tell_json
from earwitness.ingest.call_records import CallRecords
from earwitness.ingest.naming import ASTERISK, Template
from earwitness.ingest.subjects import Side, Subjects
from earwitness.ingest.watching import Outcome, Reading, WatchedFolder
from earwitness.kernel.errors import StorageFull, Unavailable


class Preset(StrEnum):
    """Where files come from that are named as usual there."""

    ASTERISK = "asterisk"


class Sidecar(StrEnum):
    """Whether a file without a sidecar waits for it."""

    REQUIRED = "required"
    OPTIONAL = "optional"


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
        reading = Reading(
            template=Template(ASTERISK if preset else template or "", zone) if template or preset else None,
            records=CallRecords(cdr, zone) if cdr else None,
            subjects=Subjects(subject, tuple(own or ())),
            source=source,
            sidecar_required=_required(sidecar, template or preset or cdr),
        )
    except ValueError as error:
        fail(f"{error}.", as_json=as_json)
    with opened(as_json) as accounts:
        archive, watched = accounts.open(client_id), WatchedFolder(folder, reading)
        take = _take_once if once else _take_on
        try:
            with watched.alone():
                take(watched, archive, every, as_json)
        except OSError as error:
            fail(f"{error.filename or folder}: {os.strerror(error.errno or 0)}", as_json=as_json)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError):
        raise ValueError(f"--time-zone: there is no {name}") from None


def _required(sidecar: Sidecar | None, is_named: object) -> bool:
    """A sidecar is required unless names or call records tell, or it is said to be optional."""
    if sidecar is Sidecar.OPTIONAL and not is_named:
        raise ValueError("--sidecar optional needs --template, --preset or --cdr")
    return sidecar is Sidecar.REQUIRED or (sidecar is None and not is_named)


def _take_once(watched: WatchedFolder, archive: Archive, every: float, as_json: bool) -> None:
    """Look twice, take what is finished, and say what became of everything that was there."""
    watched.look()
    time.sleep(every)
    ready, outcomes = watched.look()
    by = action("watch", "Ingest recording")
    try:
        with _answering():
            outcomes = [watched.deal_with(archive, found, by) for found in ready] + outcomes
    except (StorageFull, Unavailable) as error:
        fail(f"{error.detail} Run it again to go on.", as_json=as_json)
    told = {state: [one for one in outcomes if _state(one) == state] for state in _STATES}
    if as_json:
        tell_json({state: [_fields(one) for one in ones] for state, ones in told.items()})
    else:
        for outcome in outcomes:
            say(_words(outcome))
        say(", ".join(f"{words} {len(told[state])}" for state, words in _STATES.items()) + ".")
    if any(outcome.reason and not outcome.waits for outcome in outcomes):
        raise typer.Exit(1)


def _take_on(watched: WatchedFolder, archive: Archive, every: float, as_json: bool) -> None:
    """Take what is finished until told to stop, saying what becomes of each file."""
    stopping = threading.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: stopping.set())
    by, trouble = action("watch", "Ingest recording"), ""
    while not stopping.is_set():
        ready, _ = watched.look()
        try:
            for found in ready:
                if stopping.is_set():
                    return
                with _answering():
                    outcome = watched.deal_with(archive, found, by)
                _say_line(_fields(outcome) | {"state": _state(outcome)}, _words(outcome), as_json)
                trouble = ""
        except (StorageFull, Unavailable) as error:
            if error.detail != trouble:
                trouble = error.detail
                _say_line({"error": trouble}, f"{trouble} It is tried again.", as_json)
        stopping.wait(every)


@contextmanager
def _answering() -> Iterator[None]:
    """Turn trouble of the database into Unavailable or StorageFull: nothing is wrong with the file then."""
    try:
        yield
    except OperationalError as error:
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
    return fields | ({"reason": outcome.reason} if outcome.reason else {})


def _words(outcome: Outcome) -> str:
    at = f" as interactionId {outcome.accepted.interaction_id}" if outcome.accepted else ""
    reason = f": {outcome.reason}" if outcome.reason else ""
    return f"{outcome.file} {_STATES[_state(outcome)].lower()}{at}{reason}"


def _say_line(fields: dict[str, Any], words: str, as_json: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.encode(fields))
    else:
        say(words)
