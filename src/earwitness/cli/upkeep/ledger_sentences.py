"""What `earwitness status` says of the ledgers: forks, and who outside attests them."""

from collections.abc import Iterator, Mapping
from typing import Any

from earwitness.archive.ledger.attestation.asked import outside_parties
from earwitness.kernel.clock import format_ms
from earwitness.kernel.settings import Settings


def ledger_in_json(ledger: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """The part of an overview on the ledger, with a row for each party that the settings name."""
    named = {(one.kind, one.name): one for one in outside_parties(settings)}
    seen = {(one["kind"], one["name"]): one for one in ledger["attested"]}
    never = [
        {"kind": kind, "name": name, "at": None, "size": 0, "trouble": ""}
        for kind, name in named
        if (kind, name) not in seen
    ]
    # What is wrong with a party that is not asked any more, interests nobody.
    known = [row | ({} if key in named else {"trouble": ""}) for key, row in seen.items()]
    rows = [row | {"at": None if row["at"] is None else format_ms(row["at"])} for row in known]
    checks = {kind: {**one, "at": format_ms(one["at"])} for kind, one in ledger.get("checks", {}).items()}
    return {**ledger, "checks": checks, "attested": [*rows, *never]}


def ledger_sentences(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Made from the rows of the command's JSON."""
    seen = [row for row in rows if row["ledger"]]
    for row in seen:
        yield from _of_ledger(row["clientId"], row["ledger"])
    unwitnessed = [str(row["clientId"]) for row in seen if not _is_attested(row["ledger"])]
    if unwitnessed:
        accounts = f"account{'' if len(unwitnessed) == 1 else 's'} {', '.join(unwitnessed)}"
        yield f"The ledger of {accounts} is unwitnessed: docs/witness.md says what that means."


def _of_ledger(client_id: int, ledger: Mapping[str, Any]) -> Iterator[str]:
    if ledger["forkedAt"] is not None:
        yield (
            f"Account {client_id}: its ledger has {ledger['size']} actions, and does not go on from the "
            f"checkpoint of {ledger['forkedAt']} actions that others were given. An older copy of the "
            "database was restored, or it was changed. Nothing is signed until you bring the right database "
            f"back, or start a new log: `earwitness ledger recover {client_id}`."
        )
    if ledger["isBeginning"]:
        yield f"Account {client_id}: its ledger begins with all that there is, and is not through yet."
    for kind, last in ledger["checks"].items():
        yield _of_check(client_id, kind, last)
    for one in ledger["attested"]:
        if one["at"] is not None:
            yield f"Account {client_id}: {one['name']} attested {one['size']} actions at {one['at']}."
        if one["trouble"]:
            yield f"Account {client_id}: {one['name']} did not attest its ledger: {one['trouble']}."
        elif one["at"] is None:
            yield f"Account {client_id}: {one['name']} has not been asked about the ledger yet."


def _is_attested(ledger: Mapping[str, Any]) -> bool:
    return any(one["at"] is not None for one in ledger["attested"])


def _of_check(client_id: int, kind: str, last: Mapping[str, Any]) -> str:
    """The result of the last daily check of the ledger or the media."""
    said = f"Account {client_id}: the daily check of its {kind} at {last['at']} looked at {last['checked']}"
    if not last["differing"]:
        return f"{said}, and nothing differs."
    command = "ledger verify" if kind == "ledger" else "verify"
    return f"{said}, and {last['differing']} differ: `earwitness {command} {client_id}` names all that do."
