"""The vault of an account: media is encrypted on the disk, and an object opens only in its own place."""

import hashlib
import os
from pathlib import Path

import pytest

from earwitness.kernel.errors import Corrupt
from earwitness.kernel.settings import Settings
from earwitness.media.keys.key_ring import KeyRing
from earwitness.media.stores.store import open_store
from earwitness.media.vault import RecordingKey, Sealed, Vault, associated_data, new_recording_key

CONTENT = os.urandom(300_000)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data")


@pytest.fixture
def vault(settings: Settings) -> Vault:
    return _vault(settings, 1234567)


def _vault(settings: Settings, client_id: int) -> Vault:
    return Vault(open_store(settings, client_id), KeyRing.open(settings, create=True), client_id)


def _add(vault: Vault, key: RecordingKey, kind: str = "raw") -> Sealed:
    with vault.new(key, kind) as upload:
        upload.write(CONTENT[:1000])
        upload.write(CONTENT[1000:])
        sealed = upload.finish()
        upload.keep()
    return sealed


def test_a_recording_goes_in_and_comes_out(vault: Vault) -> None:
    key = new_recording_key()
    sealed = _add(vault, key)
    assert sealed.plain_size == len(CONTENT)
    assert sealed.sha256 == hashlib.sha256(CONTENT).digest()
    with vault.open(sealed.name, key, "raw") as source:
        assert source.read(0, source.size) == CONTENT


def test_an_object_is_encrypted_and_hardly_larger(vault: Vault, settings: Settings) -> None:
    sealed = _add(vault, new_recording_key())
    stored = (settings.data / "accounts" / "1234567" / "media" / sealed.name).read_bytes()
    assert len(stored) == sealed.stored_size <= len(CONTENT) * 1.02 + 4096
    assert not any(CONTENT[start : start + 16] in stored for start in range(0, len(CONTENT), 10_000))


def test_a_wrapped_key_opens_only_for_its_own_recording(vault: Vault, settings: Settings) -> None:
    key = new_recording_key()
    wrapped = vault.wrap(key, 42)
    assert vault.unwrap(wrapped, key.vault_id, 42) == key
    with pytest.raises(Corrupt):
        vault.unwrap(wrapped, key.vault_id, 43)
    with pytest.raises(Corrupt):
        vault.unwrap(wrapped, bytes(16), 42)
    with pytest.raises(Corrupt):
        _vault(settings, 7654321).unwrap(wrapped, key.vault_id, 42)


def test_an_object_opens_only_in_its_own_place(vault: Vault, settings: Settings) -> None:
    key = new_recording_key()
    sealed = _add(vault, key)
    with pytest.raises(Corrupt), vault.open(sealed.name, key, "mp3") as source:
        source.verify()
    with pytest.raises(Corrupt), vault.open(sealed.name, RecordingKey(bytes(16), key.key), "raw") as source:
        source.verify()
    other = Vault(open_store(settings, 1234567), KeyRing.open(settings), 7654321)
    with pytest.raises(Corrupt), other.open(sealed.name, key, "raw") as source:
        source.verify()


def test_an_object_that_is_not_kept_is_removed(vault: Vault) -> None:
    with vault.new(new_recording_key(), "raw") as upload:
        upload.write(CONTENT)
        name = upload.finish().name
        assert vault.store.exists(name)
    assert not vault.store.exists(name)


def test_printing_a_key_does_not_show_it() -> None:
    key = new_recording_key()
    assert repr(key.key) not in repr(key)
    assert key.key != new_recording_key().key


def test_the_associated_data_is_as_documented() -> None:
    assert associated_data(258, bytes(range(16)), "mp3-mono") == (
        b"earwitness\x01" + b"\0\0\0\0\0\0\x01\x02" + bytes(range(16)) + b"mp3-mono"
    )
