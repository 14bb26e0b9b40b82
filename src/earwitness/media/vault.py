"""The encrypted media of one account: its store, and the keys of its recordings.

Every recording has a random data key and a random vault id. All its objects are encrypted with that
key, each bound by its associated data to the account, the vault and its kind, so objects cannot be
swapped. The key itself is kept wrapped, bound to account, recording and vault.
"""

import secrets
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from earwitness.media.flow import Bytes
from earwitness.media.keys.key_ring import WrappedKey
from earwitness.media.keys.kms import KeyEncryption
from earwitness.media.stores.store import ObjectUpload, Store
from earwitness.media.streaming import KEY_SIZE, DecryptingReader, EncryptingWriter

VAULT_ID_SIZE = 16

_VERSION = 1


@dataclass(frozen=True, slots=True)
class RecordingKey:
    """The key of a recording's media, 32 secret bytes, and the id of its vault."""

    vault_id: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A finished object: its name in the store, its sizes in bytes, and the SHA-256 of its plaintext."""

    name: str
    plain_size: int
    stored_size: int
    sha256: bytes


def new_recording_key() -> RecordingKey:
    return RecordingKey(secrets.token_bytes(VAULT_ID_SIZE), secrets.token_bytes(KEY_SIZE))


def associated_data(client_id: int, vault_id: bytes, kind: str) -> bytes:
    """The associated data of an object: `earwitness`, 1 (one byte), client id (8 bytes, big endian), vault id
    (16 bytes), and its kind (`raw`, `mp3`, …) in UTF-8 up to the end."""
    return struct.pack(">10sBq16s", b"earwitness", _VERSION, client_id, vault_id) + kind.encode()


def key_context(client_id: int, interaction_id: int, vault_id: bytes) -> bytes:
    """The associated data of a wrapped key: `earwitness-key`, 1 (one byte), client id and interaction id
    (8 bytes each, big endian), and the vault id (16 bytes)."""
    return struct.pack(">14sBqq16s", b"earwitness-key", _VERSION, client_id, interaction_id, vault_id)


class SealedUpload:
    """An object that is encrypted as it is written. Call `write`, `finish`, commit its name, call `keep`."""

    def __init__(self, upload: ObjectUpload, key: bytes, bound_to: bytes) -> None:
        self._upload = upload
        self._writer = EncryptingWriter(upload, key, bound_to)
        self.name = upload.name

    def write(self, data: Bytes, /) -> None:
        """Add plain bytes. Raises StorageFull."""
        self._writer.write(data)

    def finish(self) -> Sealed:
        """End the object and make it durable under its name. Raises StorageFull."""
        self._writer.finish()
        self._upload.publish()
        writer = self._writer
        return Sealed(self.name, writer.plain_size, writer.stored_size, writer.sha256)

    def keep(self) -> None:
        """Keep the object, since the database names it. Otherwise it is removed when the block ends."""
        self._upload.keep()

    def leave(self) -> None:
        """Let the next sweep decide, since it is not known whether the database names the object."""
        self._upload.leave()


class Vault:
    """The media of one account. Callers use `store` directly where no key is needed."""

    def __init__(self, store: Store, keys: KeyEncryption, client_id: int) -> None:
        self.store = store
        self._keys = keys
        self._client_id = client_id

    def wrap(self, recording_key: RecordingKey, interaction_id: int) -> WrappedKey:
        """Encrypt a recording's key for the database."""
        context = key_context(self._client_id, interaction_id, recording_key.vault_id)
        return self._keys.wrap(recording_key.key, context)

    def unwrap(self, wrapped: WrappedKey, vault_id: bytes, interaction_id: int) -> RecordingKey:
        """The key of a recording. Raises Corrupt."""
        context = key_context(self._client_id, interaction_id, vault_id)
        return RecordingKey(vault_id, self._keys.unwrap(wrapped, context))

    def rewrap(self, wrapped: WrappedKey, vault_id: bytes, interaction_id: int) -> WrappedKey:
        """The same recording's key, encrypted with the current key-encryption key. Raises Corrupt."""
        return self.wrap(self.unwrap(wrapped, vault_id, interaction_id), interaction_id)

    @property
    def current_kek_id(self) -> str:
        """The id of the key-encryption key that wraps new recording keys."""
        return self._keys.current

    @contextmanager
    def new(self, recording_key: RecordingKey, kind: str) -> Iterator[SealedUpload]:
        """Begin an object of a recording. It is removed at the end of the block unless `keep` was called."""
        bound_to = associated_data(self._client_id, recording_key.vault_id, kind)
        with self.store.new() as upload:
            yield SealedUpload(upload, recording_key.key, bound_to)

    @contextmanager
    def open(self, name: str, recording_key: RecordingKey, kind: str) -> Iterator[DecryptingReader]:
        """Open an object to read. Raises Corrupt, and ObjectMissing if it is not there."""
        bound_to = associated_data(self._client_id, recording_key.vault_id, kind)
        with self.store.open(name) as stored:
            yield DecryptingReader(stored, recording_key.key, bound_to)
