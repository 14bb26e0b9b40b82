"""Several servers of one archive, each with its own copy of the keys, and changes of these keys."""

import base64
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from earwitness.kernel.settings import Settings
from earwitness.media.keys.key_ring import KEYS_FILE
from earwitness.media.keys.ledger_key import make_ledger_key
from earwitness.media.keys.token_key import token_key


def other_server(settings: Settings, folder: Path) -> Settings:
    """Settings of another server of the archive: its own copy of the keys, on PostgreSQL its own data."""
    token_key(settings)
    make_ledger_key(settings)
    keys = Path(shutil.copytree(settings.keys_folder, folder / "other-keys"))
    if not settings.database_url:
        return replace(settings, keys=keys)
    (folder / "other-data").mkdir()
    return replace(settings, keys=keys, data=folder / "other-data")


def change_keys(settings: Settings, change: Callable[[dict[str, bytes], str], None]) -> str:
    """Change the keys in the file. Returns the id of the current key."""
    file = settings.keys_folder / KEYS_FILE
    written = json.loads(file.read_text())
    keys = {kek_id: base64.b64decode(key) for kek_id, key in written["keys"].items()}
    current: str = written["current"]
    change(keys, current)
    written["keys"] = {kek_id: base64.b64encode(key).decode() for kek_id, key in keys.items()}
    beside = file.with_name("changed")
    beside.write_text(json.dumps(written))
    beside.replace(file)
    return current


def flip_a_bit(keys: dict[str, bytes], kek_id: str) -> None:
    key = keys[kek_id]
    keys[kek_id] = key[:-1] + bytes([key[-1] ^ 1])


def make_another(keys: dict[str, bytes], kek_id: str) -> None:
    keys[kek_id] = os.urandom(32)
