"""Runs `earwitness watch`, once or until it is stopped, and prints what became of each file."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import msgspec
import typer
from sqlalchemy.exc import DBAPIError

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.database.errors import as_problem
from earwitness.cli.operator import action
from earwitness.cli.output import fail, say, tell_json
from earwitness.ingest.sources.failed_files import FailedFile
from earwitness.ingest.sources.watched_folder import Outcome, WatchedFolder
from earwitness.kernel.errors import StorageFull, Unavailable

FileState = Literal["taken", "alreadyThere", "failed", "waiting"]

_STATES: dict[FileState, str] = {
    "taken": "Taken",
    "alreadyThere": "Already there",
    "failed": "Failed",
    "waiting": "Waiting",
}
_IN_THE_WAY = "another file is where it was found, or it cannot be moved there"


def watch_once(
    watched: WatchedFolder, archive: Archive, failed: list[FailedFile], every: float, as_json: bool
) -> None:
    """Look twice, ingest what is finished, and print what became of every file. Exits 1 if one failed.

    If failed files were put back, it looks again until no more of them can be put back.
    """
    outcomes: list[Outcome] = []
    by = action("watch", "Ingest recording")
    try:
        while True:
            failed, failed_before = _put_back(failed), len(failed)
            watched.look()
            time.sleep(every)
            ready, waiting = watched.look()
            with _database_problems():
                outcomes += [watched.ingest(archive, found, by) for found in ready]
            if not failed or len(failed) == failed_before:
                break
    except (StorageFull, Unavailable) as error:
        fail(f"{error.detail} Run it again to continue.", as_json=as_json)
    outcomes += [*waiting, *(Outcome(one.name, reason=_IN_THE_WAY, waits=True) for one in failed)]
    _print_all(outcomes, as_json)
    if any(outcome.reason and not outcome.waits for outcome in outcomes):
        raise typer.Exit(1)


def watch_until_stopped(
    watched: WatchedFolder, archive: Archive, failed: list[FailedFile], every: float, as_json: bool
) -> None:
    """Ingest what is finished until a signal stops it, and print what becomes of each file."""
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
                with _database_problems():
                    outcome = watched.ingest(archive, found, by)
                _print_line(_fields(outcome) | {"state": _state(outcome)}, _sentence(outcome), as_json)
                trouble = ""
        except (StorageFull, Unavailable) as error:
            if error.detail != trouble:  # print the same trouble only once
                trouble = error.detail
                _print_line({"error": trouble}, f"{trouble} The watcher tries again.", as_json)
        stopping.wait(every)


def _put_back(failed: list[FailedFile]) -> list[FailedFile]:
    """Put failed files back. Returns those that cannot be put back yet."""
    return [one for one in failed if not one.put_back()]


@contextmanager
def _database_problems() -> Iterator[None]:
    """Turn errors of the database into Unavailable or StorageFull, so that they do not fail the file."""
    try:
        yield
    except DBAPIError as error:
        raise as_problem(error) from None


def _state(outcome: Outcome) -> FileState:
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


def _sentence(outcome: Outcome) -> str:
    at = f" as interactionId {outcome.accepted.interaction_id}" if outcome.accepted else ""
    reason = f": {outcome.reason}" if outcome.reason else ""
    note = f" ({outcome.note})" if outcome.note else ""
    return f"{outcome.file} {_STATES[_state(outcome)].lower()}{at}{note}{reason}"


def _print_all(outcomes: list[Outcome], as_json: bool) -> None:
    by_state = {state: [one for one in outcomes if _state(one) == state] for state in _STATES}
    if as_json:
        tell_json({state: [_fields(one) for one in ones] for state, ones in by_state.items()})
        return
    for outcome in outcomes:
        say(_sentence(outcome))
    say(", ".join(f"{title} {len(by_state[state])}" for state, title in _STATES.items()) + ".")


def _print_line(fields: dict[str, Any], sentence: str, as_json: bool) -> None:
    if as_json:
        typer.echo(msgspec.json.encode(fields))
    else:
        say(sentence)
