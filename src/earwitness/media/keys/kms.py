"""Who wraps the keys of recordings: our own file of keys, or a key management service that shows none.

`EARWITNESS_KMS` names a function as `module:function`; each process calls it once, without arguments, and
asks the `KeyEncryption` it gives. Where it is set there is no file of key-encryption keys.
"""

from importlib import import_module
from typing import Protocol, cast

from earwitness.kernel.settings import SettingError, Settings
from earwitness.media.keys.key_ring import WrappedKey


class KeyEncryption(Protocol):
    """Wraps data keys of 32 bytes with key-encryption keys, for several threads at once.

    What cannot be reached raises Unavailable (503), and nothing is lost by it.
    """

    @property
    def current(self) -> str:
        """The id of the key that data keys are wrapped with now, like `kek-2026-11`."""

    @property
    def ids(self) -> list[str]:
        """The ids of all keys that open anything."""

    def wrap(self, data_key: bytes, context: bytes) -> WrappedKey:
        """Encrypt a data key with the current key, bound to `context`."""

    def unwrap(self, wrapped: WrappedKey, context: bytes) -> bytes:
        """The data key. Raises KeyMissing, and Corrupt if it is damaged or wrapped for another context."""

    def rotate(self) -> str:
        """Make a new current key and answer its id; older ones still open."""

    def retire(self, kek_id: str) -> None:
        """Remove a key for ever. Raises KeyInUse for the current one, NotFound."""


def open_kms(settings: Settings) -> KeyEncryption:
    """The client of the key management service that the settings name. Raises SettingError."""
    module, _, function = settings.kms.partition(":")
    try:
        return cast(KeyEncryption, getattr(import_module(module), function)())
    except (ImportError, AttributeError, ValueError):
        raise SettingError(f"EARWITNESS_KMS: there is no function {settings.kms}") from None
