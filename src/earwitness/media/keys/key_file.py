"""The file of key-encryption keys, in a folder apart from the data.

    {"current": "kek-2026-11", "keys": {"kek-2026-11": "<32 bytes in base64>"}}

A writer locks the folder and replaces the file in one step. Readers need no lock.
"""

import base64
import binascii
import json
import secrets
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from earwitness.kernel.clock import format_ms, now_ms
from earwitness.kernel.settings import SettingError
from earwitness.media.differing import check_value
from earwitness.media.stores import durable
from earwitness.media.stores.durable import write_file

KEYS_FILE = "key-encryption-keys.json"
KEY_SIZE = 32


class KeysUnusable(Exception):
    """The file of key-encryption keys cannot be read."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The content of the file, and a version that changes when the file is replaced."""

    current: str
    keys: dict[str, bytes] = field(repr=False)
    version: tuple[int, ...] = ()

    def check_values(self) -> dict[str, str]:
        """The check value of each key, by its id."""
        return {kek_id: check_value(f"key {kek_id}", key) for kek_id, key in self.keys.items()}


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock the folder against other writers, and make it if it is missing."""
    with durable.locked(folder / ".lock"):
        yield


def version(folder: Path) -> tuple[int, ...]:
    """The version of the file, which changes when it is replaced. Raises FileNotFoundError."""
    found = (folder / KEYS_FILE).stat()
    return found.st_mtime_ns, found.st_ino, found.st_size


def read(folder: Path) -> Keys:
    """Read the keys. Raises FileNotFoundError and KeysUnusable, which never show a key."""
    try:
        # The version is taken first: if the file is replaced meanwhile, it is read again later.
        seen = version(folder)
        text = (folder / KEYS_FILE).read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise KeysUnusable(f"{folder / KEYS_FILE} cannot be read: {error.strerror}") from error
    try:
        written = json.loads(text)
        keys = {str(kek_id): decode_key(key) for kek_id, key in written["keys"].items()}
        current = str(written["current"])
        if current not in keys:
            raise ValueError("its current key is not among its keys")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise KeysUnusable(f"{folder / KEYS_FILE} is not a file of key-encryption keys") from None
    return Keys(current, keys, seen)


def write(folder: Path, current: str, keys: dict[str, bytes]) -> Keys:
    """Replace the file in one step. The folder must be locked."""
    encoded = {name: base64.b64encode(key).decode() for name, key in keys.items()}
    written = json.dumps({"current": current, "keys": encoded}, indent=2)
    write_file(folder / KEYS_FILE, written.encode() + b"\n")
    return Keys(current, keys, version(folder))


def new_key(keys: Container[str]) -> tuple[str, bytes]:
    """Make a key with the id of this month, without writing it."""
    month = f"kek-{format_ms(now_ms())[:7]}"
    kek_id, count = month, 1
    while kek_id in keys:
        count += 1
        kek_id = f"{month}-{count}"
    return kek_id, secrets.token_bytes(KEY_SIZE)


def given_keys(text: str) -> Keys:
    """Read a setting with keys: `id:base64`, separated by commas, the current first. Raises SettingError."""
    keys: dict[str, bytes] = {}
    try:
        for one in text.split(","):
            kek_id, _, encoded = one.strip().partition(":")
            if not kek_id or kek_id in keys:
                raise ValueError("no id, or one given twice")
            keys[kek_id] = decode_key(encoded)
    except ValueError:
        raise SettingError(
            "EARWITNESS_KEY_ENCRYPTION_KEY: expected `id:base64`, the base64 of 32 bytes, or several of these"
        ) from None
    return Keys(next(iter(keys)), keys)


def decode_key(encoded: str) -> bytes:
    """32 bytes from their base64. Raises ValueError, which does not show the key."""
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
    if len(key) != KEY_SIZE:
        raise ValueError("not 32 bytes")
    return key
