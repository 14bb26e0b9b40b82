"""The file of key-encryption keys, in a folder of its own apart from the data.

    {"current": "kek-2026-11", "keys": {"kek-2026-11": "<32 bytes in base64>"}}

It is replaced in one step by whoever has the folder locked, and read without a lock.
"""

import base64
import binascii
import fcntl
import json
import os
import secrets
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from earwitness.kernel.clock import format_ms, now_ms
from earwitness.kernel.settings import SettingError
from earwitness.media.differing import check_value
from earwitness.media.stores.durable import make_folder, write_file

KEYS_FILE = "key-encryption-keys.json"
KEY_SIZE = 32


class KeysUnusable(Exception):
    """The file of key-encryption keys cannot be read as one."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What the file holds, and by what it is seen to have changed."""

    current: str
    keys: dict[str, bytes] = field(repr=False)
    version: tuple[int, ...] = ()

    def check_values(self) -> dict[str, str]:
        """By id, what tells whether another has the same key."""
        return {kek_id: check_value(f"key {kek_id}", key) for kek_id, key in self.keys.items()}


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes from writing keys. Makes the folder."""
    make_folder(folder)
    fd = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def version(folder: Path) -> tuple[int, ...]:
    """What differs once the file was replaced. Raises FileNotFoundError."""
    found = (folder / KEYS_FILE).stat()
    return found.st_mtime_ns, found.st_ino, found.st_size


def read(folder: Path) -> Keys:
    """Raises FileNotFoundError, and KeysUnusable, never showing a key."""
    try:
        # The version is taken first: what is written in between is then read once more.
        seen = version(folder)
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
    return Keys(current, keys, seen)


def write(folder: Path, current: str, keys: dict[str, bytes]) -> Keys:
    """Replace the file in one step. Only for who has it locked."""
    encoded = {name: base64.b64encode(key).decode() for name, key in keys.items()}
    written = json.dumps({"current": current, "keys": encoded}, indent=2)
    write_file(folder / KEYS_FILE, written.encode() + b"\n")
    return Keys(current, keys, version(folder))


def new_key(keys: Container[str]) -> tuple[str, bytes]:
    """Make a key, named for this month; nothing is written."""
    month = f"kek-{format_ms(now_ms())[:7]}"
    kek_id, count = month, 1
    while kek_id in keys:
        count += 1
        kek_id = f"{month}-{count}"
    return kek_id, secrets.token_bytes(KEY_SIZE)


def given_keys(text: str) -> Keys:
    """Read `id:base64`, or several with commas: the first is the current one. Raises SettingError."""
    keys: dict[str, bytes] = {}
    try:
        for given in text.split(","):
            kek_id, _, encoded = given.strip().partition(":")
            if not kek_id or kek_id in keys:
                raise ValueError("no id, or one given twice")
            keys[kek_id] = _decode(encoded)
    except ValueError:
        raise SettingError(
            "EARWITNESS_KEY_ENCRYPTION_KEY: expected `id:base64`, the base64 of 32 bytes, or several of these"
        ) from None
    return Keys(next(iter(keys)), keys)


def _decode(encoded: str) -> bytes:
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
    if len(key) != KEY_SIZE:
        raise ValueError("not 32 bytes")
    return key
