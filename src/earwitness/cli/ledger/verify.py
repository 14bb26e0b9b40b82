"""earwitness ledger verify: holds an account against the log of its ledger, and names what differs."""

from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.exc import DBAPIError

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.integrity.findings import damage_in
from earwitness.archive.ledger.checking.differences import Checked
from earwitness.archive.ledger.entity_states import ENTITY_ROWS
from earwitness.archive.upkeep.ledgers.ledger_checks import check_all, unfinished
from earwitness.cli.output import AsJson, ClientId, fail, opened, say, tell_json

Against = Annotated[
    Path | None,
    typer.Option(
        "--against",
        metavar="CHECKPOINT_FILE",
        help="Compare with a checkpoint that was kept elsewhere: only so is an older copy of all found.",
    ),
]


def verify(client_id: ClientId, against: Against = None, as_json: AsJson = False) -> None:
    """Hold every table of an account against its ledger; exit 1 and name each difference.

    Recordings are named by interactionId and thirdPartyId, with the field, and the action that the log has
    for it. It works while the server runs. Media is checked by `earwitness verify`.
    """
    kept = _read(against, as_json)
    report = _Report(as_json)
    with opened(as_json) as accounts:
        archive = accounts.open(client_id)
        try:
            for name, checked in check_all(archive, accounts, kept):
                report.add(name, checked)
        except DBAPIError as error:
            if (reason := damage_in(error)) is None:
                raise
            fail(
                f"the database cannot read its own data ({reason}); `earwitness verify {client_id}` says "
                "what is damaged",
                as_json=as_json,
            )
        report.sum_up(archive)
    if report.result["differences"]:
        raise typer.Exit(1)


class _Report:
    """What a check finds, printed as it is found."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self.result: dict[str, Any] = {"actions": 0, "recordings": 0, "others": 0, "differences": []}

    def add(self, name: str, checked: Checked) -> None:
        counted = "others" if name in ENTITY_ROWS else name
        if counted in self.result:
            self.result[counted] += checked.count
        for one in checked.differences:
            self.result["differences"].append(one.told)
            if not self._as_json:
                say(one.sentence)

    def sum_up(self, archive: Archive) -> None:
        with archive.read() as connection:
            left = unfinished(connection)
        result = self.result
        result |= {"pending": left.pending, "open": left.open, "isBeginning": left.is_beginning}
        if self._as_json:
            tell_json(result)
            return
        say(
            f"Checked {result['actions']} actions, {result['recordings']} recordings and {result['others']} "
            f"others: {len(result['differences'])} differences."
        )
        if left.pending:
            say(f"Not in the log yet, but within seconds: {left.pending} actions.")
        if left.open:
            say(f"Done in batches, and not through yet: {left.open} actions.")
        if left.is_beginning:
            say("The log has not begun with all that there was: what it does not have yet was not checked.")


def _read(against: Path | None, as_json: bool) -> bytes | None:
    if against is None:
        return None
    try:
        return against.read_bytes()
    except OSError as error:
        fail(f"{against}: {error.strerror}", as_json=as_json)
