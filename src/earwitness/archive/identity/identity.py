"""The identity of this archive: its keys, its store, its folders. Those of another archive are refused.

Each is noted when it is first seen, and compared from then on: at start, by `/readyz`, and by every command
that opens an account. One that cannot be reached is compared as soon as it answers.
"""

import logging
import threading
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from earwitness.archive.database.errors import as_problem
from earwitness.archive.database.transactions import reading
from earwitness.archive.identity.checked_keys import CheckedKeys
from earwitness.archive.identity.folders import installation_of, mark_folders
from earwitness.archive.identity.key_checks import KeyChecks
from earwitness.archive.identity.loaded_keys import reporting, running_processes, wait_until_all_have
from earwitness.archive.identity.proof import newest_objects, prove, prove_store, samples
from earwitness.archive.identity.records import noted
from earwitness.archive.identity.shared_keys import LEDGER_KEY, TOKEN_KEY, SharedKeys
from earwitness.archive.identity.store import adopt_store, compare_store, compare_store_if_it_answers
from earwitness.archive.schema.directory import accounts
from earwitness.kernel.errors import Problem
from earwitness.kernel.settings import SettingError, Settings
from earwitness.media.differing import Differs
from earwitness.media.keys.key_ring import KeyRing, KeysMissing, KeysUnusable

log = logging.getLogger(__name__)

_ASK_AGAIN_SECONDS = 30.0


class Identity:
    """Compares the keys, store and folders of this process with those that the directory keeps."""

    def __init__(self, settings: Settings, directory: Engine) -> None:
        self._settings = settings
        self._directory = directory
        self._lock = threading.Lock()
        self._checks = KeyChecks(directory)
        self._shared = SharedKeys(settings, directory)
        self._keys: CheckedKeys | None = None
        self._store_answered = False
        self._ask_store_at = 0.0

    def keys(self, *, create: bool = False) -> CheckedKeys:
        """The keys, after everything was compared. `create` is as in `KeyRing.open`.

        Raises Differs, and the errors of `KeyRing.open`.
        """
        if self._keys is None:
            with self._lock:
                if self._keys is None:
                    self._keys = self._open(create=create)
        return self._keys

    def check_server(self) -> None:
        """Compare everything that a server needs, before it starts. Raises Differs and what `keys` raises.

        The keys for tokens and for ledgers are made if the archive has none. If that for tokens was lost, a
        new one is made only where the archive has one machine; that for ledgers is never replaced by itself.
        """
        installation_of(self._settings, self._directory)
        if self._has_accounts():
            self.keys()  # first: if the whole folder of keys is gone, no new key for tokens is made
        self._shared.require()

    def ledger_key(self) -> bytes:
        """The key that signs the ledgers, made if the archive has none. Raises Differs and SettingError."""
        return self._shared.get(LEDGER_KEY)

    def keys_trouble(self) -> str:
        """What is wrong with this server's keys, for `/readyz`; empty if the database does not answer."""
        try:
            return self._keys_trouble()
        except (KeysMissing, KeysUnusable):
            return "The keys of the media are missing, or cannot be read."
        except Differs as error:
            return error.detail if error.what in ("key", "token-key", "ledger-key") else ""
        except (SQLAlchemyError, Problem):
            return ""

    def installation_trouble(self) -> str:
        """The same for its store and folders."""
        try:
            installation = installation_of(self._settings, self._directory)
            compare_store(
                self._settings,
                self._directory,
                installation,
                takes_media=bool(self._checks.needed()),
                may_have_moved=not self._store_answered,
            )
            self._store_answered = True
        except Differs as error:
            return error.detail
        except (SQLAlchemyError, Problem, OSError):
            return ""  # other checks tell whether they answer
        return ""

    def missing_keys(self) -> list[str]:
        """The ids of keys that recordings need and that are not here. Raises Unavailable and Differs."""
        needed = self._checks.needed()
        try:
            return sorted(set(needed) - set(self.keys().ids)) if needed else []
        except (KeysMissing, KeysUnusable):
            return needed

    def look_into(self, engine: Engine, client_id: int) -> None:
        """Note which keys an account needs, and prove that they, and its media, are here. Raises Differs."""
        with reading(engine) as connection:
            needed, names = samples(connection), newest_objects(connection)
        proven = set[str]()
        if needed:
            with suppress(KeysMissing, KeysUnusable):
                proven = prove(self.keys(), self._checks, client_id, needed)
        # If only one recording names a missing key, that recording is probably damaged.
        self._checks.need([one for one, rows in needed.items() if one in proven or len(rows) > 1])
        if names and self._store_answered and "store" not in noted(self._directory):
            prove_store(self._settings, client_id, names)
            self._is_store_ours()

    def need_only(self, recordings: Mapping[str, int]) -> None:
        """Note how many recordings need which keys, after all accounts were looked into.

        If only one recording names a key that nobody ever had, that recording is probably damaged.
        """
        known = self._checks.known()
        needed = {one for one, count in recordings.items() if count > 1 or one in known}
        # A key that encrypts now may have become needed since the accounts were looked into.
        current = {self.keys().current} | {one.current for one in running_processes(self._directory)}
        self._checks.need_only(needed | {one for one in current & known.keys() if known[one].in_use})

    def rotate(self) -> str:
        """Make a new current key that every running process has. Raises Conflict and SettingError."""
        offered: list[str] = []

        def agreed(kek_id: str) -> None:
            offered.append(kek_id)
            self._agree(kek_id, as_current=False)

        try:
            return self.keys().rotate(agreed)
        except BaseException:
            for kek_id in offered:  # the new key was removed again
                self._checks.forget(kek_id)
            raise

    def check_rotation(self, kek_id: str) -> None:
        """Raise Conflict unless every running process encrypts with the key that recordings are to have."""
        self._agree(kek_id, as_current=True)

    def reporting(self) -> AbstractContextManager[None]:
        """Tell others which keys this process has, as long as the block runs."""
        return reporting(self._directory, self._ring)

    def accept_store(self) -> str:
        """Make the settings' store the archive's. Returns where it is. Raises Conflict and Differs."""
        return adopt_store(self._settings, self._directory, installation_of(self._settings, self._directory))

    def accept_token_key(self) -> None:
        """Make this server's key for tokens the archive's. Raises Conflict."""
        self._shared.accept(TOKEN_KEY)

    def accept_ledger_key(self) -> None:
        """Make this server's key for ledgers the archive's, or a new one if it has none. Raises Conflict."""
        self._shared.accept(LEDGER_KEY)

    def _open(self, *, create: bool) -> CheckedKeys:
        installation = installation_of(self._settings, self._directory)
        self._shared.compare()
        keys = CheckedKeys(self._settings, self._checks, self._is_store_ours, create=create)
        mark_folders(self._settings, installation)
        self._ask_store(installation, takes_media=bool(self._checks.needed()))
        return keys

    def _ask_store(self, installation: str, *, takes_media: bool) -> bool:
        """Compare the store, unless it failed to answer a moment ago; whether it answered."""
        if time.monotonic() < self._ask_store_at:
            return False
        answered = compare_store_if_it_answers(
            self._settings,
            self._directory,
            installation,
            takes_media=takes_media,
            may_have_moved=not self._store_answered,
        )
        self._store_answered = self._store_answered or answered
        self._ask_store_at = 0.0 if answered else time.monotonic() + _ASK_AGAIN_SECONDS
        return answered

    def _ring(self) -> KeyRing | None:
        """The keys of this server, if they can be read; None for a service, whose keys all servers share."""
        try:
            return self.keys().ring
        except (KeysMissing, KeysUnusable, SettingError, Problem, SQLAlchemyError, OSError):
            return None

    def _is_store_ours(self) -> bool:
        """Note the store that media goes to, if none is noted; whether it answered. Raises Differs."""
        try:
            installation = installation_of(self._settings, self._directory)
            return self._ask_store(installation, takes_media=True)
        except SQLAlchemyError as error:
            raise as_problem(error) from error

    def _keys_trouble(self) -> str:
        if not self._has_accounts():
            return ""
        self.keys().compare()
        self._shared.compare()
        self._shared.look_for_lost()
        if missing := self.missing_keys():
            return f"Keys that recordings need are missing: {', '.join(missing)}."
        return ""

    def _has_accounts(self) -> bool:
        with reading(self._directory) as connection:
            return connection.scalar(select(accounts.c.client_id).limit(1)) is not None

    def _agree(self, kek_id: str, *, as_current: bool) -> None:
        ring = self.keys().ring
        if ring:
            ring.compare()  # notes a key that is new, before others load it
            wait_until_all_have(self._directory, kek_id, as_current=as_current)
