"""Key-encryption keys, which wrap the keys of recordings.

Each recording is encrypted with a data key of its own, which is stored wrapped: encrypted with a
key-encryption key. The key-encryption keys are in a folder apart from the data. Every process reads their
file again when it has changed, so that a new key is used everywhere at once.
"""

import logging
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from earwitness.kernel.errors import Conflict, Corrupt, NotFound, Problem, Unavailable
from earwitness.kernel.settings import SettingError, Settings
from earwitness.media.differing import Differs
from earwitness.media.keys import key_file
from earwitness.media.keys.key_file import KEYS_FILE, Keys, KeysUnusable

__all__ = [
    "KEYS_FILE",
    "KeyInUse",
    "KeyMissing",
    "KeyRing",
    "KeysMissing",
    "KeysUnusable",
    "WrappedKey",
]

log = logging.getLogger(__name__)

_NONCE_SIZE = 12


class KeysMissing(Exception):
    """The file of key-encryption keys is missing."""


class KeyMissing(Unavailable):
    """A key is missing."""

    default_code = "key-missing"

    def __init__(self, kek_id: str) -> None:
        super().__init__(
            f"The key-encryption key {kek_id} of this recording is missing on this server.",
            extra={"keyId": kek_id},
        )
        self.kek_id = kek_id


class KeyInUse(Conflict):
    """This key-encryption key is still needed."""

    default_code = "key-in-use"


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A data key, encrypted with the key-encryption key `kek_id`.

    `wrapped` is a nonce of 12 bytes, then the data key in AES-256-GCM with its tag of 16 bytes.
    """

    kek_id: str
    wrapped: bytes


Accept = Callable[[Keys], None]
"""Compares keys with those of the archive, and raises Differs if they are not the same."""


def _accept_all(_: Keys) -> None:
    """Accept any keys."""


class KeyRing:
    """All key-encryption keys. The current one wraps new data keys; the others unwrap earlier ones."""

    def __init__(self, known: Keys, folder: Path | None = None, accept: Accept = _accept_all) -> None:
        """`accept` is called with keys before any of them is used."""
        accept(known)
        self._known = known
        self._folder = folder
        self._accept = accept
        self._refused: tuple[int, ...] | None = None
        self._complaint = ""

    def __repr__(self) -> str:
        return f"KeyRing(current={self.current!r}, ids={self.ids})"

    @classmethod
    def open(cls, settings: Settings, *, create: bool = False, accept: Accept = _accept_all) -> "KeyRing":
        """Read the keys: from the setting if it is given, else from the folder of keys.

        With `create` a first key is made if there is none. Use it only if nothing is encrypted yet: a new key
        does not open old recordings, and would hide that their keys are lost.

        Raises KeysMissing, KeysUnusable, SettingError and what `accept` raises. No error shows a key.
        """
        if settings.key_encryption_key:
            return cls(key_file.given_keys(settings.key_encryption_key), None, accept)
        folder = settings.keys_folder
        try:
            return cls(key_file.read(folder), folder, accept)
        except FileNotFoundError:
            if not create:
                raise KeysMissing(
                    f"{folder} has no {KEYS_FILE}; without it no recording can be opened. "
                    "Bring it back from its backup, or name its folder in EARWITNESS_KEYS."
                ) from None
        with key_file.locked(folder):
            try:
                return cls(key_file.read(folder), folder, accept)
            except FileNotFoundError:
                kek_id, key = key_file.new_key(())
                return cls(key_file.write(folder, kek_id, {kek_id: key}), folder, accept)

    @property
    def current(self) -> str:
        """The id of the key that wraps new data keys."""
        self._follow()
        return self._known.current

    @property
    def ids(self) -> list[str]:
        """The ids of all keys."""
        self._follow()
        return sorted(self._known.keys)

    def rotate(
        self, agreed: Callable[[str], None] = lambda _: None, taken: Collection[str] = frozenset()
    ) -> str:
        """Add a key, make it the current one, and return its id, which is none of `taken`. Older keys stay.

        `agreed` is called with the id when all processes can load the key and none encrypts with it yet. If
        it raises, the key is removed again. Raises SettingError.
        """
        with self._writing() as folder:
            known = key_file.read(folder)
            self._accept(known)
            kek_id, key = key_file.new_key(known.keys.keys() | set(taken))
            added = key_file.write(folder, known.current, known.keys | {kek_id: key})
            try:
                agreed(kek_id)
            except BaseException:
                key_file.write(folder, known.current, known.keys)
                raise
            self._known = key_file.write(folder, kek_id, added.keys)
        return kek_id

    def compare(self) -> None:
        """Read the file again, and compare its keys with the archive's. Raises KeysUnusable, Differs."""
        try:
            keys = self._known if self._folder is None else key_file.read(self._folder)
        except FileNotFoundError:
            raise KeysUnusable(f"{self._folder} has no {KEYS_FILE} any more") from None
        self._accept(keys)
        self._known = keys

    def retire(self, kek_id: str) -> None:
        """Remove a key: what it wrapped can never be opened again. Raises KeyInUse for the current one."""
        with self._writing() as folder:
            known = key_file.read(folder)
            if kek_id == known.current:
                raise KeyInUse(f"{kek_id} is the key that new recordings are encrypted with.")
            if kek_id not in known.keys:
                raise NotFound(f"There is no key {kek_id}.")
            kept = {other: key for other, key in known.keys.items() if other != kek_id}
            self._known = key_file.write(folder, known.current, kept)

    def wrap(self, data_key: bytes, context: bytes) -> WrappedKey:
        """Encrypt a data key, bound to `context`: it can be unwrapped only with the same context.

        Each call checks whether the file has changed, so that a key is not used once it is no longer the
        current one. Otherwise it could never be retired.
        """
        self._follow()
        known, nonce = self._known, os.urandom(_NONCE_SIZE)
        sealed = AESGCM(known.keys[known.current]).encrypt(nonce, data_key, context)
        return WrappedKey(known.current, nonce + sealed)

    def unwrap(self, wrapped: WrappedKey, context: bytes) -> bytes:
        """The data key. Raises KeyMissing, and Corrupt if it is damaged or the context differs."""
        nonce, sealed = wrapped.wrapped[:_NONCE_SIZE], wrapped.wrapped[_NONCE_SIZE:]
        try:
            return AESGCM(self._key(wrapped.kek_id)).decrypt(nonce, sealed, context)
        except (InvalidTag, ValueError):
            raise Corrupt(
                "The key of this recording is damaged, or was wrapped with a different key."
            ) from None

    def _key(self, kek_id: str) -> bytes:
        if kek_id not in self._known.keys:
            self._follow()
        if kek_id not in self._known.keys:
            raise KeyMissing(kek_id)
        return self._known.keys[kek_id]

    def _follow(self) -> None:
        """Read the file again if it has changed. If it cannot be used, the keys that were loaded stay."""
        if self._folder is None:
            return
        try:
            found = key_file.version(self._folder)
            if found in (self._known.version, self._refused):
                return
            keys = key_file.read(self._folder)
            self._accept(keys)
            self._known, self._complaint = keys, ""
        except Differs as error:
            self._refused = found
            self._complain(f"the changed key file is not used: {error.detail}")
        except (OSError, KeysUnusable, Problem) as error:
            self._complain(f"the changed key file cannot be read: {type(error).__name__}")

    def _complain(self, complaint: str) -> None:
        """Log a complaint about the file once, although the file is checked again and again."""
        if complaint != self._complaint:
            log.error("keys: %s; the keys that were loaded before are still used", complaint)
            self._complaint = complaint

    @contextmanager
    def _writing(self) -> Iterator[Path]:
        if self._folder is None:
            raise SettingError(
                "EARWITNESS_KEY_ENCRYPTION_KEY: keys from a setting are changed in the setting. "
                "Put the new key before the old one, with a comma, and start again"
            )
        with key_file.locked(self._folder):
            yield self._folder
