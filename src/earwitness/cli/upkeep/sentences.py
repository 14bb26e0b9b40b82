"""Sentences that `earwitness status` and `earwitness key` print: what an operator should know or do."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from earwitness.kernel.plurals import counted


def missing_key_in_words(kek_id: str, recordings: int) -> str:
    """A sentence on a key-encryption key that this machine lacks."""
    return f"{kek_id} is missing: {counted(recordings, 'recording')} cannot be opened without it."


def sentences_on(rows: list[dict[str, Any]], missing_keys: list[str]) -> Iterator[str]:
    """The sentences on accounts, made from the rows of the command's JSON."""
    for row in rows:
        if row["refused"]:
            yield f"{row['refused']['sentence']} It has been refused since {row['refused']['since']}."
    for row in rows:
        yield from _of_recordings(row)
    in_use: Counter[str] = Counter()
    for row in rows:
        yield from _of_endpoints(row)
        in_use.update(row["keys"])
    for key, count in sorted(in_use.items()):
        if key in missing_keys:
            yield missing_key_in_words(key, count)
            continue
        yield f"Key {key} opens {counted(count, 'recording')}."
    for row in rows:
        yield from _of_users(row)


def sentences_on_refusals(refusals: list[dict[str, Any]] | None) -> Iterator[str]:
    """The sentences on calls that were refused for a limit, made from the command's JSON."""
    if refusals is None:
        yield "How many calls were refused for a limit is not known: refusals/counts.json cannot be read."
    for one in refusals or []:
        calls = counted(one["count"], "call")
        limit = f"{one['setting']} sets the limit" if one["setting"] else "The limit is fixed"
        yield (
            f"Refused for a limit, {one['code']}: {calls}, from {one['first']} to {one['last']}, since "
            f"{one['tooMuch']}. {limit}."
        )


def _of_recordings(row: dict[str, Any]) -> Iterator[str]:
    client_id = row["clientId"]
    if rebuild := row["textRebuild"]:
        yield (
            f"Account {client_id}: the text index is being rebuilt, {rebuild['done']} of "
            f"{rebuild['recordings']} recordings. Until it is complete, searches use the older one."
        )
    yield from _of_account_jobs(client_id, row["accountJobs"] or {})
    if row["incomplete"] or row["undecodable"]:
        yield (
            f"Account {client_id} has {row['incomplete']} recordings that are not whole and "
            f"{row['undecodable']} that are undecodable: `earwitness incomplete {client_id}` lists them."
        )
    if row["missing"]:
        yield (
            f"Account {client_id} lacks {row['missing']} recordings, or parts of them, that it acknowledged: "
            f"`earwitness verify {client_id}` names what must be sent again."
        )


def _of_account_jobs(client_id: int, jobs: dict[str, int]) -> Iterator[str]:
    listed = f"`earwitness jobs list {client_id}`"
    if failed := jobs.get("failed"):
        yield (
            f"Account {client_id}: {failed} of its own jobs failed, {listed} says why. Until they are "
            f"through, nothing of it is destroyed: `earwitness jobs retry {client_id}` tries them again."
        )
    if waiting := jobs.get("queued", 0) + jobs.get("running", 0):
        yield f"Account {client_id} has {counted(waiting, 'job')} of its own to do: {listed}."


def _of_endpoints(row: dict[str, Any]) -> Iterator[str]:
    for lost in row["endpointsLost"] or []:
        yield (
            f"Account {row['clientId']}: endpoint {lost['endpointId']}, {lost['endpoint']}, was also person "
            f"{lost['personId']}'s; it is person {lost['ownedByPersonId']}'s now. "
            "Say whose it is: earwitness endpoint set."
        )
    if row["endpointsLost"] is None and (count := row["endpointsLostCount"]):
        yield (
            f"Account {row['clientId']}: {count} endpoints also belonged to somebody else; "
            f"`earwitness status {row['clientId']}` names them."
        )


def _of_users(row: dict[str, Any]) -> Iterator[str]:
    client_id = row["clientId"]
    for group in row["usersThatLookAlike"] or []:
        named = " and ".join(f"{user['username']} (id {user['id']})" for user in group)
        yield f"User names of account {client_id} look alike: {named}. Rename one."
    if row["usersThatLookAlike"] is None and (count := row["usersThatLookAlikeCount"]):
        yield (
            f"Account {client_id}: users in {count} groups look alike; "
            f"`earwitness status {client_id}` names them."
        )


def size_in_words(size: float) -> str:
    """A size in bytes, with a unit: `1.5 GiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
