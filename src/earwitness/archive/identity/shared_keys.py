"""Keys that all servers of an archive have in common, compared with the check value in the directory.

There is one row for each in `SHARED_KEYS`.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Engine

from earwitness.archive.identity.records import Noted, note_first, note_instead, noted
from earwitness.kernel.errors import Conflict
from earwitness.kernel.settings import Settings
from earwitness.media.differing import Differs, check_value
from earwitness.media.keys.ledger_key import known_ledger_key, make_ledger_key
from earwitness.media.keys.token_key import known_token_key, token_key

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SharedKey:
    """A key of one kind. `make` leaves one that is there as it is."""

    kind: Literal["token-key", "ledger-key"]
    name: str
    """What sentences call it."""
    purpose: str
    """What its check value is made for. It may not change."""
    known: Callable[[Settings], bytes | None]
    make: Callable[[Settings], object]
    remedy: str
    """What to do about another key. It is for operators."""
    is_made_again: bool
    """Whether a lost one is made anew, where the archive has one machine."""


TOKEN_KEY = SharedKey(
    kind="token-key",
    name="key for tokens",
    purpose="token key",
    known=known_token_key,
    make=token_key,
    remedy="Set EARWITNESS_TOKEN_KEY as on the other servers, or bring token.key back from its backup. To "
    "change it on purpose, give all servers the new one, and run `earwitness installation accept "
    "token-key`: then everybody has to sign in again.",
    is_made_again=True,
)
LEDGER_KEY = SharedKey(
    kind="ledger-key",
    name="key for ledgers",
    purpose="ledger key",
    known=known_ledger_key,
    make=make_ledger_key,
    remedy="Set EARWITNESS_LEDGER_KEY as on the other servers, or bring ledger.key back, from its backup or "
    "from another server. If it is lost, run `earwitness installation accept ledger-key`: then witnesses and "
    "auditors have to be given the new verifier keys.",
    is_made_again=False,
)
SHARED_KEYS = (TOKEN_KEY, LEDGER_KEY)


class SharedKeys:
    """The keys of this server that it shares with all others of the archive."""

    def __init__(self, settings: Settings, directory: Engine) -> None:
        self._settings = settings
        self._directory = directory

    def compare(self) -> None:
        """Compare those that are here, and note those that are new. Raises Differs."""
        all_noted = noted(self._directory)
        for key in SHARED_KEYS:
            own = self._value(key)
            if own is None:
                continue
            known = all_noted.get(key.kind) or note_first(self._directory, key.kind, Noted(own))
            if known.value != own:
                raise Differs(
                    key.kind,
                    f"The {key.name} of this server is not the one that the archive uses.",
                    key.remedy,
                )

    def require(self) -> None:
        """The same, and make those that the archive does not have yet. Raises Differs for a lost one, too.

        One that may be made again is, if the archive has one machine.
        """
        for key in SHARED_KEYS:
            if self._value(key) is None:
                self._make(key)
        self.compare()

    def look_for_lost(self) -> None:
        """Raise Differs if a key that cannot be made again is not here."""
        for key in SHARED_KEYS:
            is_noted = not key.is_made_again and key.kind in noted(self._directory)
            if is_noted and self._value(key) is None:
                raise _lost(key)

    def get(self, key: SharedKey) -> bytes:
        """A key, made if the archive has none. Raises Differs."""
        self.require()
        found = key.known(self._settings)
        if found is None:
            raise _lost(key)
        return found

    def accept(self, key: SharedKey) -> None:
        """Make this server's key the archive's; make one if there is none. Raises Conflict."""
        key.make(self._settings)
        value = self._value(key) or ""
        known = noted(self._directory).get(key.kind)
        if known and known.value == value:
            raise Conflict(f"The archive uses this {key.name} already.")
        note_instead(self._directory, key.kind, Noted(value))

    def _make(self, key: SharedKey) -> None:
        # Another server may have made it just now: it does so before it notes it.
        is_lost = key.kind in noted(self._directory) and self._value(key) is None
        if is_lost and (self._settings.database_url or not key.is_made_again):
            raise _lost(key)
        key.make(self._settings)
        if is_lost:
            log.warning("the %s was lost and made anew: everybody has to sign in again", key.name)
            note_instead(self._directory, key.kind, Noted(self._value(key) or ""))

    def _value(self, key: SharedKey) -> str | None:
        own = key.known(self._settings)
        return None if own is None else check_value(key.purpose, own)


def _lost(key: SharedKey) -> Differs:
    return Differs(key.kind, f"This server does not have the {key.name} that the archive uses.", key.remedy)
