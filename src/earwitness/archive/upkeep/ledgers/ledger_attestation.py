"""Has the newest checkpoint of a log attested: by a line in the server's own log, witnesses, an authority.

One that fails keeps nothing else from working. What it failed at is in the log and in `earwitness status`.
"""

import logging
from collections.abc import Callable
from time import monotonic

from sqlalchemy import Connection

from earwitness.archive.accounts.accounts import Accounts, Archive
from earwitness.archive.ledger.attestation import asked
from earwitness.archive.ledger.attestation.asked import LINE, Party, authority_of
from earwitness.archive.ledger.attestation.configured import witnesses_of
from earwitness.archive.ledger.notes.checkpoint import Checkpoint
from earwitness.archive.ledger.notes.signed_note import SignedNote
from earwitness.archive.ledger.proving import given_checkpoint, tree_of
from earwitness.archive.upkeep.ledgers.ledger_heads import show_newest, tell_others
from earwitness.archive.upkeep.ledgers.ledger_log import forked_at
from earwitness.kernel.clock import now_ms
from earwitness.kernel.settings import Settings

log = logging.getLogger(__name__)

_SILENT_SECONDS = 300.0


class Silence:
    """Parties that gave no answer a moment ago. They are not asked about the next accounts: it takes long."""

    def __init__(self) -> None:
        self._until: dict[Party, float] = {}

    def is_on(self, party: Party) -> bool:
        return monotonic() < self._until.get(party, 0.0)

    def begin(self, party: Party) -> None:
        self._until[party] = monotonic() + _SILENT_SECONDS


def due_at(connection: Connection, settings: Settings) -> int | None:
    """When somebody is to attest the log of an account; None if nothing is new, or the log has forked."""
    return None if forked_at(connection) is not None else asked.due_at(connection, settings, now_ms())


def attest(archive: Archive, accounts: Accounts, silence: Silence) -> None:
    """Ask everybody who is due about the newest checkpoint. Raises LedgerForked and Unavailable."""
    settings, now = accounts.settings, now_ms()
    with archive.read() as connection:
        parties = asked.due(connection, settings, now) if forked_at(connection) is None else []
    if not parties:
        return
    show_newest(archive, accounts)
    with archive.write(locked=False) as connection:
        mine = asked.claim(connection, parties, now)
    with archive.read() as connection:
        note = given_checkpoint(connection)
    if note is None or not mine:
        return
    own = SignedNote(note.text, note.signatures[:1])
    if LINE in mine:
        _write_line(archive, own)
    silent = [party for party in mine if silence.is_on(party)]
    for party in silent:
        _has_failed(archive, party, "it gave no answer a moment ago")
    awake = [party for party in mine if party not in silent]
    _ask_witnesses(archive, settings, own, awake, silence)
    if settings.tsa and authority_of(settings) in awake:
        _ask_authority(archive, settings, own, silence)
    if len(mine) > (LINE in mine):
        tell_others(archive)


def _write_line(archive: Archive, note: SignedNote) -> None:
    head = Checkpoint.read(note.text)
    log.info(
        "account %s: its ledger %s has %s actions, root %s",
        archive.client_id,
        head.origin,
        head.size,
        head.root.hex(),
    )
    with archive.write(locked=False) as connection:
        asked.note_trouble(connection, LINE, "")


def _ask_witnesses(
    archive: Archive, settings: Settings, note: SignedNote, parties: list[Party], silence: Silence
) -> None:
    of_party = {Party("cosignature", one.key.name): one for one in witnesses_of(settings)}
    wanted = {party: witness for party, witness in of_party.items() if party in parties}
    if not wanted:
        return
    # Imported here, since only servers with witnesses need it.
    from earwitness.archive.ledger.attestation.witnesses import cosign

    size = Checkpoint.read(note.text).size
    with archive.read() as connection:
        known = {one["name"]: one["size"] for one in asked.attested(connection)}
    sizes = {witness.key.text: known.get(witness.key.name, 0) for witness in wanted.values()}
    outcomes = cosign(list(wanted.values()), note, _proof(archive, size), sizes)
    for party, outcome in zip(wanted, outcomes, strict=True):
        if outcome.cosignature is None:
            if outcome.is_silent:
                silence.begin(party)
            _has_failed(archive, party, outcome.trouble)
        else:
            _has_attested(archive, party, size, outcome.cosignature.line.encode())


def _ask_authority(archive: Archive, settings: Settings, note: SignedNote, silence: Silence) -> None:
    # Imported here, since only servers with an authority need it.
    from earwitness.archive.ledger.attestation.timestamps import TimestampFailed, timestamp

    party = authority_of(settings)
    try:
        made = timestamp(settings.tsa, note.text.encode())
    except TimestampFailed as error:
        silence.begin(party)
        _has_failed(archive, party, str(error))
    else:
        _has_attested(archive, party, Checkpoint.read(note.text).size, made.token)


def _proof(archive: Archive, size: int) -> Callable[[int], list[bytes]]:
    def proof(old_size: int) -> list[bytes]:
        with archive.read() as connection:
            return list(tree_of(connection, size).consistency(old_size))

    return proof


def _has_attested(archive: Archive, party: Party, size: int, content: bytes) -> None:
    with archive.write(locked=False) as connection:
        asked.keep(connection, party, size, content, now_ms())
    log.info("account %s: %s attested %s actions of its ledger", archive.client_id, party.name, size)


def _has_failed(archive: Archive, party: Party, trouble: str) -> None:
    with archive.write(locked=False) as connection:
        asked.note_trouble(connection, party, trouble)
    log.warning("account %s: %s did not attest its ledger: %s", archive.client_id, party.name, trouble)
