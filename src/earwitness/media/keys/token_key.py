"""The key that signs tokens: one for all servers of an installation."""

import secrets
from pathlib import Path

from earwitness.kernel.settings import Settings
from earwitness.media.keys import key_file
from earwitness.media.keys.key_file import KEY_SIZE, KeysUnusable
from earwitness.media.stores.durable import write_file

TOKEN_KEY_FILE = "token.key"  # noqa: S105 - a file's name, not a secret


def token_key(settings: Settings) -> bytes:
    """The key that signs tokens: that of the setting, or one that is made once in the folder of keys."""
    if settings.token_key:
        return settings.token_key.encode()
    path = settings.keys_folder / TOKEN_KEY_FILE
    if not path.exists():
        with key_file.locked(path.parent):
            if not path.exists():
                write_file(path, secrets.token_urlsafe(KEY_SIZE).encode() + b"\n")
    return _read_token_key(path)


def known_token_key(settings: Settings) -> bytes | None:
    """The key that signs tokens, or None if none is set and none was made yet."""
    if settings.token_key:
        return settings.token_key.encode()
    try:
        return _read_token_key(settings.keys_folder / TOKEN_KEY_FILE)
    except FileNotFoundError:
        return None


def _read_token_key(path: Path) -> bytes:
    key = path.read_bytes().strip()
    if len(key) < KEY_SIZE:
        raise KeysUnusable(f"{path} is not a key for tokens; remove it to have a new one made")
    return key
