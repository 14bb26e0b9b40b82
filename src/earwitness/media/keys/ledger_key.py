"""The key that signs the checkpoints of all ledgers: one for all servers of an installation.

It is the seed of an Ed25519 key (RFC 8032), 32 random bytes, in base64.
"""

import base64
import secrets

from earwitness.kernel.settings import SettingError, Settings
from earwitness.media.keys import key_file
from earwitness.media.keys.key_file import KEY_SIZE, KeysUnusable, decode_key
from earwitness.media.stores.durable import write_file

LEDGER_KEY_FILE = "ledger.key"


def known_ledger_key(settings: Settings) -> bytes | None:
    """The key of the setting or the folder of keys; None if there is neither.

    Raises SettingError and KeysUnusable, which never show the key.
    """
    if settings.ledger_key:
        try:
            return decode_key(settings.ledger_key)
        except ValueError:
            raise SettingError("EARWITNESS_LEDGER_KEY: expected the base64 of 32 bytes") from None
    path = settings.keys_folder / LEDGER_KEY_FILE
    try:
        return decode_key(path.read_text("ascii", "replace").strip())
    except FileNotFoundError:
        return None
    except ValueError:
        raise KeysUnusable(f"{path} is not a key for ledgers; bring it back from its backup") from None


def make_ledger_key(settings: Settings) -> None:
    """Make a key in the folder of keys, unless there is one.

    An archive that had another key before is not asked here: see `Identity.ledger_key`.
    """
    if settings.ledger_key:
        return
    path = settings.keys_folder / LEDGER_KEY_FILE
    with key_file.locked(path.parent):
        if not path.exists():
            write_file(path, base64.b64encode(secrets.token_bytes(KEY_SIZE)) + b"\n")
