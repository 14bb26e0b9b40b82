"""Key-encryption keys, and the key that tokens are signed with.

Each recording is encrypted with a key of its own, and that key is kept wrapped: encrypted with a
key-encryption key. Those lie in a folder apart from the data, in one small file:

    {"current": "kek-2026-11", "keys": {"kek-2026-11": "<32 bytes in base64>"}}
"""

import base64
import binascii
import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from earwitness.kernel.clock import format_ms, now_ms
from earwitness.kernel.errors import Corrupt
from earwitness.kernel.settings import SettingError, Settings
from earwitness.media.durable import make_folder, write_file

KEYS_FILE = "key-encryption-keys.json"
TOKEN_KEY_FILE = "token.key"  # noqa: S105 - a file's name, not a secret

_KEY_SIZE = 32
_NONCE_SIZE = 12


class KeysMissing(Exception):
    """There are no key-encryption keys where they belong."""


class KeysUnusable(Exception):
    """The file of key-encryption keys cannot be read as one."""


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A data key encrypted with the key-encryption key `kek_id`.

    `wrapped` is a nonce of 12 bytes, then AES-256-GCM of the data key with its tag of 16 bytes.
    """

    kek_id: str
    wrapped: bytes


class KeyRing:
    """All key-encryption keys. New data keys are wrapped with the current one, old ones still open."""

    def __init__(self, current: str, keys: dict[str, bytes], folder: Path | None = None) -> None:
        self._current = current
        self._keys = keys
        self._folder = folder

    def __repr__(self) -> str:
        return f"KeyRing(current={self._current!r}, ids={sorted(self._keys)})"

    @classmethod
    def open(cls, settings: Settings, *, create: bool = False) -> "KeyRing":
        """Read the keys: from the setting if it is given, else from the folder of keys.

        With `create` a first key is made where there is none. Ask for it only where nothing is
        encrypted yet: a new key opens nothing old, and would hide that the old ones are lost.

        Raises KeysMissing, KeysUnusable and SettingError, never showing a key.
        """
        if settings.key_encryption_key:
            kek_id, key = _key_of_setting(settings.key_encryption_key)
            return cls(kek_id, {kek_id: key})
        folder = settings.keys_folder
        try:
            return cls(*_read(folder), folder)
        except FileNotFoundError:
            if not create:
                raise KeysMissing(
                    f"{folder} holds no {KEYS_FILE}; without it no recording can be opened. "
                    "Bring it back from its backup, or name its folder in EARWITNESS_KEYS."
                ) from None
        with _locked(folder):
            try:
                return cls(*_read(folder), folder)
            except FileNotFoundError:
                return cls(*_add_key(folder, {}), folder)

    @property
    def current(self) -> str:
        """The id of the key that new data keys are wrapped with."""
        return self._current

    def rotate(self) -> str:
        """Add a key, make it the current one and return its id. Older keys stay."""
        if self._folder is None:
            raise SettingError("EARWITNESS_KEY_ENCRYPTION_KEY: a key that is given cannot be rotated here")
        with _locked(self._folder):
            _, keys = _read(self._folder)
            self._current, self._keys = _add_key(self._folder, keys)
        return self._current

    def wrap(self, data_key: bytes, context: bytes) -> WrappedKey:
        """Encrypt a data key, bound to `context`: it opens with the same context only."""
        nonce = os.urandom(_NONCE_SIZE)
        sealed = AESGCM(self._keys[self._current]).encrypt(nonce, data_key, context)
        return WrappedKey(self._current, nonce + sealed)

    def unwrap(self, wrapped: WrappedKey, context: bytes) -> bytes:
        """The data key. Raises Corrupt if its key-encryption key is not here, or the context differs."""
        nonce, sealed = wrapped.wrapped[:_NONCE_SIZE], wrapped.wrapped[_NONCE_SIZE:]
        try:
            return AESGCM(self._key(wrapped.kek_id)).decrypt(nonce, sealed, context)
        except (InvalidTag, ValueError):
            raise Corrupt("The key of this recording does not verify.") from None

    def _key(self, kek_id: str) -> bytes:
        if kek_id not in self._keys and self._folder is not None:
            # Another process may have rotated since this one read the file.
            with suppress(FileNotFoundError):
                self._current, self._keys = _read(self._folder)
        if kek_id not in self._keys:
            raise Corrupt(f"The key-encryption key {kek_id!r} of this recording is not among the keys.")
        return self._keys[kek_id]


def token_key(settings: Settings) -> bytes:
    """The key that tokens are signed with: the setting, or the one made once in the folder of keys."""
    if settings.token_key:
        return settings.token_key.encode()
    path = settings.keys_folder / TOKEN_KEY_FILE
    if not path.exists():
        with _locked(path.parent):
            if not path.exists():
                write_file(path, secrets.token_urlsafe(_KEY_SIZE).encode() + b"\n")
    key = path.read_bytes().strip()
    if len(key) < _KEY_SIZE:
        raise KeysUnusable(f"{path} is not a key for tokens; remove it to have a new one made")
    return key


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other processes from writing keys. Makes the folder."""
    make_folder(folder)
    fd = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _read(folder: Path) -> tuple[str, dict[str, bytes]]:
    try:
        text = (folder / KEYS_FILE).read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise KeysUnusable(f"{folder / KEYS_FILE} cannot be read: {error.strerror}") from error
    try:
        written = json.loads(text)
        keys = {str(kek_id): _decode(key) for kek_id, key in written["keys"].items()}
        current = str(written["current"])
        if current not in keys:
            raise ValueError("its current key is not among its keys")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise KeysUnusable(f"{folder / KEYS_FILE} is not a file of key-encryption keys") from None
    return current, keys


def _add_key(folder: Path, keys: dict[str, bytes]) -> tuple[str, dict[str, bytes]]:
    month = f"kek-{format_ms(now_ms())[:7]}"
    kek_id, count = month, 1
    while kek_id in keys:
        count += 1
        kek_id = f"{month}-{count}"
    keys = keys | {kek_id: secrets.token_bytes(_KEY_SIZE)}
    encoded = {name: base64.b64encode(key).decode() for name, key in keys.items()}
    written = json.dumps({"current": kek_id, "keys": encoded}, indent=2)
    write_file(folder / KEYS_FILE, written.encode() + b"\n")
    return kek_id, keys


def _key_of_setting(text: str) -> tuple[str, bytes]:
    kek_id, _, encoded = text.partition(":")
    try:
        if not kek_id:
            raise ValueError("no id")
        return kek_id, _decode(encoded)
    except ValueError:
        raise SettingError(
            "EARWITNESS_KEY_ENCRYPTION_KEY: expected `id:base64`, the base64 of 32 bytes"
        ) from None


def _decode(encoded: str) -> bytes:
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
    if len(key) != _KEY_SIZE:
        raise ValueError("not 32 bytes")
    return key
