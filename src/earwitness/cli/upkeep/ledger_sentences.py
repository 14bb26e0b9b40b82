"""What `earwitness status` says of the ledgers: forks, and who outside attests them."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from earwitness.archive.ledger.attestation.configured import witnesses_of
from earwitness.kernel.clock import format_ms
from earwitness.kernel.settings import Settings

_NEVER = {"at": None, "size": 0}


def ledger_in_json(ledger: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """The part of an overview on the ledger, with a row for each party that the settings name."""
    named = [one.key.name for one in witnesses_of(settings)]
    named += [urlsplit(settings.tsa).hostname or "tsa"] if settings.tsa else []
    attested = dict.fromkeys(named, _NEVER) | ledger["attested"]
    return {
        **ledger,
        "checks": {
            kind: {**one, "at": format_ms(one["at"])} for kind, one in ledger.get("checks", {}).items()
        },
        "attested": {
            name: {"at": None if one["at"] is None else format_ms(one["at"]), "size": one["size"]}
            for name, one in attested.items()
        },
    }


def ledger_sentences(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Made from the rows of the command's JSON."""
    seen = [row for row in rows if row["ledger"]]
    for row in seen:
        yield from _of_ledger(row["clientId"], row["ledger"])
    unwitnessed = [str(row["clientId"]) for row in seen if not row["ledger"]["attested"]]
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
    for name, last in ledger["attested"].items():
        if last["at"] is None:
            yield f"Account {client_id}: {name} has not answered about the ledger yet."
        else:
            yield f"Account {client_id}: {name} attested {last['size']} actions at {last['at']}."


def _of_check(client_id: int, kind: str, last: Mapping[str, Any]) -> str:
    """The result of the last daily check of the ledger or the media."""
    said = f"Account {client_id}: the daily check of its {kind} at {last['at']} looked at {last['checked']}"
    if not last["differing"]:
        return f"{said}, and nothing differs."
    command = "ledger verify" if kind == "ledger" else "verify"
    return f"{said}, and {last['differing']} differ: `earwitness {command} {client_id}` names all that do."
