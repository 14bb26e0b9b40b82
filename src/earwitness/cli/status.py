"""earwitness status: what there is, what is left to do, and how much room there is."""

import shutil
from collections import Counter
from typing import Any

from sqlalchemy import Connection, func, select

from earwitness.archive.endpoint_changes import lost_endpoints
from earwitness.archive.not_whole import count_not_whole
from earwitness.archive.receipts.missing import count_missing
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.vault import media_objects, recording_keys
from earwitness.archive.text_rebuild import progress
from earwitness.archive.usernames import look_alikes
from earwitness.archive.workload import UNFINISHED, workload
from earwitness.cli.output import AsJson, opened, say, show_table, tell_json
from earwitness.kernel.clock import now_ms
from earwitness.media.confinement import find_confinement


def status(as_json: AsJson = False) -> None:
    """Show accounts, recordings, jobs, media, keys in use, free disk space, and what confines decoders."""
    with opened(as_json) as accounts:
        settings = accounts.settings
        rows = []
        for account in accounts.all():
            with accounts.open(account.client_id).read() as connection:
                rows.append({"clientId": account.client_id, "name": account.name} | _of_account(connection))
            rows[-1]["missing"] = count_missing(settings, account.client_id)
        disk = shutil.disk_usage(settings.data)
        current_key = accounts.identity.keys().current if rows else None
    confinement = find_confinement(settings)
    if as_json:
        free = {
            "freeBytes": disk.free,
            "totalBytes": disk.total,
            "leastFreeBytes": settings.min_free_mib << 20,
        }
        confined = {
            "landlockAbi": confinement.layers.landlock,
            "seccomp": confinement.layers.seccomp,
            "missing": confinement.missing,
        }
        tell_json({"accounts": rows, "currentKey": current_key, "disk": free, "confinement": confined})
        return
    _show(rows)
    say(f"New recordings are encrypted under {current_key}." if rows else "There is no account yet.")
    say(f"Free on the disk of the data folder: {_in_words(disk.free)} of {_in_words(disk.total)}.")
    if disk.free < settings.min_free_mib << 20:
        say(f"The server is not ready: EARWITNESS_MIN_FREE_MIB requires {settings.min_free_mib} MiB.")
    say(confinement.in_words)


def _of_account(connection: Connection) -> dict[str, Any]:
    work = workload(connection)
    waited_ms = None if work.oldest_queued_at is None else now_ms() - work.oldest_queued_at
    keys = connection.execute(
        select(recording_keys.c.kek_id, func.count())
        .group_by(recording_keys.c.kek_id)
        .order_by(recording_keys.c.kek_id)
    )
    return {
        "recordings": connection.scalar(select(func.count()).select_from(recordings)),
        "mediaBytes": int(connection.scalar(select(func.sum(media_objects.c.stored_bytes))) or 0),
        "jobs": {state: work.counts.get(state, 0) for state in UNFINISHED},
        "oldestQueuedSeconds": None if waited_ms is None else max(0, waited_ms // 1000),
        "keys": {row[0]: row[1] for row in keys},
        "textRebuild": _rebuild_of(connection),
        "endpointsLost": lost_endpoints(connection),
        **count_not_whole(connection),
        "usersThatLookAlike": [
            [{"id": user_id, "username": username} for user_id, username in group]
            for group in look_alikes(connection)
        ],
    }


def _rebuild_of(connection: Connection) -> dict[str, int] | None:
    """How many recordings are in a text index that is not whole yet; None where it is."""
    found = progress(connection)
    return None if found is None else {"done": found.done, "recordings": found.total}


def _show(rows: list[dict[str, Any]]) -> None:
    headings = {"clientId": "client id", "name": "name", "recordings": "recordings", "media": "media"}
    headings |= {state: state for state in UNFINISHED} | {"waits": "oldest"}
    shown = [
        row
        | row["jobs"]
        | {
            "media": _in_words(row["mediaBytes"]),
            "waits": None if row["oldestQueuedSeconds"] is None else f"{row['oldestQueuedSeconds']} s",
        }
        for row in rows
    ]
    if shown:
        show_table(shown, headings)
    for row in rows:
        if rebuild := row["textRebuild"]:
            say(
                f"Account {row['clientId']}: the text index is written anew, {rebuild['done']} of "
                f"{rebuild['recordings']} recordings. Until then the one before it answers."
            )
        if row["incomplete"] or row["undecodable"]:
            say(
                f"Of account {row['clientId']}, {row['incomplete']} recordings are not whole and "
                f"{row['undecodable']} undecodable: `earwitness incomplete {row['clientId']}` lists them."
            )
        if row["missing"]:
            say(
                f"Account {row['clientId']} lacks {row['missing']} recordings, or parts of them, that it "
                f"acknowledged: `earwitness verify {row['clientId']}` names what has to be sent again."
            )
    in_use: Counter[str] = Counter()
    for row in rows:
        for lost in row["endpointsLost"]:
            say(
                f"Account {row['clientId']}: endpoint {lost.endpoint_id}, {lost.endpoint}, was also person "
                f"{lost.person_id}'s; it is person {lost.owned_by_person_id}'s now. "
                "Say whose it is: earwitness endpoint set."
            )
        in_use.update(row["keys"])
    for key, count in sorted(in_use.items()):
        say(f"Key {key} opens {count} recording{'' if count == 1 else 's'}.")
    for row in rows:
        for group in row["usersThatLookAlike"]:
            named = " and ".join(f"{user['username']} (id {user['id']})" for user in group)
            say(f"Users of {row['clientId']} look alike, and sign in each as spelled: {named}. Rename one.")


def _in_words(size: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
