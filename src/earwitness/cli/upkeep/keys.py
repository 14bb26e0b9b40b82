"""earwitness key: key-encryption keys, and the data keys of recordings, which are wrapped with them."""

from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from earwitness.archive.accounts.accounts import Accounts, Archive
from earwitness.archive.accounts.opening.unfit import AccountUnavailable
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Action, Entry
from earwitness.archive.media import key_rotation
from earwitness.cli.operator import action
from earwitness.cli.output import AsJson, ClientId, fail, opened, say, show_table, tell_json
from earwitness.cli.upkeep.sentences import missing_key_in_words
from earwitness.kernel.plurals import counted
from earwitness.kernel.strict_json import MAX_INTEGER
from earwitness.media.keys.key_ring import KeyInUse

group = typer.Typer(help="Key-encryption keys; docs/keys.md says what to do with them.", no_args_is_help=True)

KekId = Annotated[
    str, typer.Argument(metavar="KEK_ID", help="The key's id, as `earwitness key list` shows it.")
]


@group.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the key-encryption keys, which one is current, and how many recordings need each."""
    with opened(as_json) as accounts:
        ring = accounts.identity.keys()
        needed, refused = _recordings_by_key(accounts)
        if not refused:  # an account that is not available may need any key
            accounts.identity.need_only(needed)
        rows = [
            {"id": kek_id, "current": kek_id == ring.current, "recordings": needed[kek_id]}
            for kek_id in ring.ids
        ]
        missing = sorted(needed.keys() - set(ring.ids))
    if as_json:
        missed = {kek_id: needed[kek_id] for kek_id in missing}
        tell_json({"keys": rows, "missing": missed} | _refused(refused))
    else:
        shown = [row | {"current": "yes" if row["current"] else ""} for row in rows]
        show_table(shown, {"id": "key", "current": "current", "recordings": "recordings"})
        for kek_id in missing:
            say(missing_key_in_words(kek_id, needed[kek_id]))
        for error in refused:
            say(f"{error.sentence} Its recordings are not counted.")
    if missing or refused:
        raise typer.Exit(1)


@group.command("rotate")
def rotate(as_json: AsJson = False) -> None:
    """Make a new key-encryption key and wrap the keys of all recordings with it; media is not changed.

    Refused while a running server, worker or import does not have the new key. An interrupted rotation is
    completed before a new one can start.
    """
    with opened(as_json) as accounts:
        ring = accounts.identity.keys()
        needed, refused = _recordings_by_key(accounts)
        is_new = needed.total() == needed[ring.current]
        with _asking_servers(as_json):
            kek_id = accounts.identity.rotate() if is_new else ring.current
            accounts.identity.check_rotation(kek_id)
        left = needed.total() if is_new else needed.total() - needed[kek_id]
        rewrapped, failed = _rewrap_all(accounts, kek_id, left, as_json)
        still_needed, unknown = _still_needed(accounts, needed)
        if not unknown:
            accounts.identity.need_only(still_needed)
    if as_json:
        result = {"current": kek_id, "isNew": is_new, "rewrapped": rewrapped, **failed}
        tell_json(result | _refused(refused))
    else:
        say(f"{kek_id} is the new key." if is_new else f"Continued the rotation to {kek_id}.")
        for one in failed["damaged"]:
            say(f"The key of interactionId {one['interactionId']}, account {one['clientId']}, is damaged.")
        for missing, count in failed["missing"].items():
            say(f"{missing} is missing: the keys of {counted(count, 'recording')} stay wrapped with it.")
        say(f"Wrapped the keys of {counted(rewrapped, 'recording')}. Back up the folder of keys now.")
        for error in refused:
            say(f"{error.sentence} Its keys were not wrapped again: mend it, then run this again.")
    if failed["damaged"] or failed["missing"] or refused:
        raise typer.Exit(1)


@group.command("retire")
def retire(
    kek_id: KekId,
    forget: Annotated[
        bool,
        typer.Option("--forget", help="Forget a key that is lost; its id may then be used for another key."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Remove a key-encryption key that no recording needs any more.

    Keep a copy of it as long as recordings in older backups need it.
    """
    with opened(as_json) as accounts:
        ring = accounts.identity.keys()
        archives = [accounts.open(account.client_id) for account in accounts.all()]
        # For the current key this need not be checked: the ring refuses to retire it.
        for archive in archives if kek_id != ring.current else []:
            if key_rotation.uses(archive, kek_id):
                raise KeyInUse(
                    f"Account {archive.client_id} has recordings that need {kek_id}: rotate first."
                )
        ring.forget(kek_id) if forget else ring.retire(kek_id)
        for archive in archives:
            _remember(archive, action("key retire", "Retire key-encryption key"), {"keyId": kek_id})
    tell_json({"retired": kek_id}) if as_json else say(f"Retired {kek_id}. Back up the folder of keys now.")


@group.command("destroy")
def destroy(
    client_id: ClientId,
    interaction_id: Annotated[int, typer.Argument(metavar="INTERACTION_ID", min=1, max=MAX_INTEGER)],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Destroy a recording's own key, so that its media can no longer be read; the rest stays.

    Refused until the recording's retention has ended, while it is under a legal hold, and while a job of the
    account is not through.
    """
    if not yes:
        if as_json:
            fail("This cannot be undone: confirm it with --yes.", as_json=True)
        typer.confirm(f"Make the media of recording {interaction_id} unreadable for ever?", abort=True)
    with opened(as_json) as accounts:
        by = action("key destroy", "Destroy key of recording")
        count = key_rotation.destroy(accounts.open(client_id), interaction_id, by)
    if as_json:
        tell_json({"destroyed": interaction_id, "objects": count})
    else:
        say(f"The media of recording {interaction_id} is gone. Backups of the database still hold its key.")


def _asking_servers(as_json: bool) -> AbstractContextManager[Any]:
    text = "Asking the running servers for their keys"
    return nullcontext() if as_json else Console(stderr=True).status(text)


def _recordings_by_key(accounts: Accounts) -> tuple[Counter[str], list[AccountUnavailable]]:
    """How many recordings need each key, and the accounts that could not be counted."""
    needed: Counter[str] = Counter()
    refused: list[AccountUnavailable] = []
    for archive in accounts.each(refused):
        needed.update(key_rotation.recordings_by_key(archive))
    return needed, refused


def _refused(refused: list[AccountUnavailable]) -> dict[str, list[int]]:
    return {"accountsRefused": [error.client_id for error in refused]} if refused else {}


def _still_needed(accounts: Accounts, before: Counter[str]) -> tuple[Counter[str], list[AccountUnavailable]]:
    """How many recordings need each key after a rotation. Waits for recordings that are being written."""
    for archive in accounts.each():
        for kek_id in before:
            key_rotation.uses(archive, kek_id)
    return _recordings_by_key(accounts)


def _rewrap_all(accounts: Accounts, kek_id: str, left: int, as_json: bool) -> tuple[int, dict[str, Any]]:
    """Wrap all data keys again. Returns how many were wrapped, and which were not.

    `damaged` lists the recordings whose data key is damaged; `missing` counts the recordings that need each
    key-encryption key that is missing.
    """
    total = 0
    damaged: list[dict[str, int]] = []
    missing: Counter[str] = Counter()
    columns = ("Wrapping keys", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=as_json, transient=True) as progress:
        task = progress.add_task("Wrapping keys", total=left)
        for archive in accounts.each():
            count = 0
            for batch in key_rotation.rewrap(archive):
                count += batch.count
                missing.update(batch.missing)
                damaged += [{"clientId": archive.client_id, "interactionId": one} for one in batch.damaged]
                progress.advance(task, batch.count)
            by = action("key rotate", "Rotate key-encryption key")
            _remember(archive, by, {"keyId": kek_id, "recordings": count})
            total += count
    return total, {"damaged": damaged, "missing": dict(missing)}


def _remember(archive: Archive, by: Action, metadata: dict[str, object]) -> None:
    entry = Entry(archive.client_id, "Account", metadata)
    with archive.write(locked=False) as connection:  # not locked: it only adds rows to the ledger
        ledger.append(connection, by, [entry])
