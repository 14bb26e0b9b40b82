"""earwitness status: accounts and their recordings, unfinished work, and free space."""

import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.jobs.workload import UNFINISHED
from earwitness.archive.receipts.alarm import count_missing
from earwitness.archive.upkeep.limits import LIMITS, VARIABLES
from earwitness.archive.upkeep.refusals import read as refusals_of
from earwitness.archive.upkeep.survey import Surveyed, survey
from earwitness.cli.output import AsJson, fail, opened, say, show_table, tell_json
from earwitness.cli.upkeep.jobs import tell_if_jobs_wait
from earwitness.cli.upkeep.ledger_sentences import ledger_in_json, ledger_sentences
from earwitness.cli.upkeep.sentences import sentences_on, sentences_on_refusals, size_in_words
from earwitness.kernel.clock import format_ms, now_ms
from earwitness.kernel.settings import Settings
from earwitness.kernel.strict_json import MAX_INTEGER
from earwitness.media.decoder.confinement import find_confinement
from earwitness.media.stores.free_space import left_for_recordings

LOOKING_SECONDS = 1.0
"""How many seconds the command looks at accounts. The others are shown as they were last seen."""

_NOT_SEEN: dict[str, Any] = {
    "recordings": None,
    "mediaBytes": None,
    "jobs": dict.fromkeys(UNFINISHED),
    "accountJobs": None,
    "oldestQueuedAt": None,
    "keys": {},
    "textRebuild": None,
    "ledger": None,
    "incomplete": None,
    "undecodable": None,
    "endpointsLost": None,
    "endpointsLostCount": None,
    "usersThatLookAlike": None,
    "usersThatLookAlikeCount": None,
}

OneAccount = Annotated[
    int | None, typer.Argument(metavar="[CLIENT_ID]", min=1, max=MAX_INTEGER, help="Only this account.")
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Look into every account, however long it takes.")]


def status(client_id: OneAccount = None, fresh: Fresh = False, as_json: AsJson = False) -> None:
    """Show accounts, recordings, jobs, media, keys in use, free disk space, and what confines decoders.

    It looks at accounts for one second. The others are shown as they were last seen, and how long ago.
    """
    with opened(as_json) as accounts:
        settings = accounts.settings
        rows = _rows(accounts, client_id, fresh, as_json)
        refusals = _refusals(settings.data)
        disk = shutil.disk_usage(settings.data)
        current_key, missing_keys = _keys(accounts, rows) if rows else (None, [])
    confinement = find_confinement(settings)
    if as_json:
        free = {
            "freeBytes": disk.free,
            "totalBytes": disk.total,
            "leastFreeBytes": settings.min_free_mib << 20,
            "renditionsLeaveBytes": left_for_recordings(settings),
        }
        confined = {
            "landlockAbi": confinement.layers.landlock,
            "seccomp": confinement.layers.seccomp,
            "missing": confinement.missing,
        }
        keys = {"currentKey": current_key, "missingKeys": missing_keys}
        tell_json({"accounts": rows} | keys | {"refusals": refusals, "disk": free, "confinement": confined})
        return
    _show(rows, missing_keys)
    say(f"New recordings are encrypted under {current_key}." if rows else "There is no account yet.")
    say(f"Free on the disk of the data folder: {size_in_words(disk.free)} of {size_in_words(disk.total)}.")
    if disk.free < settings.min_free_mib << 20:
        say(f"The server is not ready: EARWITNESS_MIN_FREE_MIB requires {settings.min_free_mib} MiB.")
    tell_if_jobs_wait(settings)
    for sentence in sentences_on_refusals(refusals):
        say(sentence)
    say(confinement.in_words)


def _keys(accounts: Accounts, rows: list[dict[str, Any]]) -> tuple[str, list[str]]:
    """The current key-encryption key, and the ids of keys that recordings need but this machine lacks."""
    ring = accounts.identity.keys()
    return ring.current, sorted({key for row in rows for key in row["keys"]} - set(ring.ids))


def _refusals(data: Path) -> list[dict[str, Any]] | None:
    """The calls that servers of this machine refused for a limit, by code; None if that cannot be read."""
    try:
        counted = refusals_of(data)
    except (OSError, ValueError):
        return None
    return [
        {
            "code": code,
            "count": one.count,
            "first": format_ms(one.first_at),
            "last": format_ms(one.last_at),
            "tooMuch": LIMITS[code].too_much,
            "setting": VARIABLES[code],
        }
        for code, one in sorted(counted.items())
        if code in LIMITS
    ]


def _rows(accounts: Accounts, client_id: int | None, fresh: bool, as_json: bool) -> list[dict[str, Any]]:
    chosen = [one for one in accounts.all() if client_id in (None, one.client_id)]
    if client_id is not None and not chosen:
        fail(f"There is no account {client_id}.", as_json=as_json)
    is_whole = fresh or client_id is not None
    found = survey(accounts, chosen, seconds=None if is_whole else LOOKING_SECONDS)
    return [_row(seen, accounts.settings) for seen in found]


def _row(seen: Surveyed, settings: Settings) -> dict[str, Any]:
    now = now_ms()
    row = _NOT_SEEN | (seen.overview or {})
    queued_at = row.pop("oldestQueuedAt")
    row["oldestQueuedSeconds"] = None if queued_at is None else max(0, now - queued_at) // 1000
    row["seenSecondsAgo"] = None if seen.looked_at is None else max(0, now - seen.looked_at) // 1000
    row["ledger"] = row["ledger"] and ledger_in_json(row["ledger"], settings)
    row["missing"] = count_missing(settings, seen.account.client_id)
    row["refused"] = seen.refused and {
        "reason": seen.refused.reason,
        "sentence": seen.refused.sentence,
        "since": format_ms(seen.refused.refused_at),
    }
    return {"clientId": seen.account.client_id, "name": seen.account.name} | row


def _show(rows: list[dict[str, Any]], missing_keys: list[str]) -> None:
    headings = {"clientId": "client id", "name": "name", "recordings": "recordings", "media": "media"}
    headings |= {state: state for state in UNFINISHED} | {"waits": "oldest", "seen": "seen"}
    shown = [
        row
        | row["jobs"]
        | {
            "media": None if row["mediaBytes"] is None else size_in_words(row["mediaBytes"]),
            "waits": None if row["oldestQueuedSeconds"] is None else f"{row['oldestQueuedSeconds']} s",
            "seen": _ago(row["seenSecondsAgo"]),
        }
        for row in rows
    ]
    if shown:
        show_table(shown, headings)
    for sentence in (*sentences_on(rows, missing_keys), *ledger_sentences(rows)):
        say(sentence)


def _ago(seconds: int | None) -> str:
    if seconds is None:
        return "never"
    return "now" if seconds < LOOKING_SECONDS else f"{seconds} s"
