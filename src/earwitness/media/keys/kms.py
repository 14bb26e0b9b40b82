"""What wraps the data keys of recordings: the file of keys, or a key management service.

`EARWITNESS_KMS` names a function as `module:function`. Each process calls it once, without arguments, and
uses the `KeyEncryption` that it returns. There is no file of key-encryption keys then.
"""

from importlib import import_module
from typing import Protocol, cast

from earwitness.kernel.settings import SettingError, Settings
from earwitness.media.keys.key_ring import WrappedKey


class KeyEncryption(Protocol):
    """Wraps data keys of 32 bytes with key-encryption keys, for several threads at once.

    A service that cannot be reached raises Unavailable (503). Nothing is lost then.
    """

    @property
    def current(self) -> str:
        """The id of the key that wraps data keys now, such as `kek-2026-11`."""

    @property
    def ids(self) -> list[str]:
        """The ids of all keys that can unwrap data keys."""

    def wrap(self, data_key: bytes, context: bytes) -> WrappedKey:
        """Encrypt a data key with the current key, bound to `context`."""

    def unwrap(self, wrapped: WrappedKey, context: bytes) -> bytes:
        """The data key. Raises KeyMissing, and Corrupt if it is damaged or wrapped for another context."""

    def rotate(self) -> str:
        """Make a new current key and return its id. Older keys still unwrap."""

    def retire(self, kek_id: str) -> None:
        """Remove a key for ever. Raises KeyInUse for the current one, NotFound."""


def open_kms(settings: Settings) -> KeyEncryption:
    """The client of the key management service that the settings name. Raises SettingError."""
    module, _, function = settings.kms.partition(":")
    try:
        return cast(KeyEncryption, getattr(import_module(module), function)())
    except (ImportError, AttributeError, ValueError):
        raise SettingError(f"EARWITNESS_KMS: there is no function {settings.kms}") from None
