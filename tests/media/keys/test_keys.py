"""Key-encryption keys: made once, kept apart, never shown."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from earwitness.kernel.errors import Corrupt, NotFound
from earwitness.kernel.settings import SettingError, Settings
from earwitness.media.keys.key_ring import (
    KEYS_FILE,
    KeyInUse,
    KeyMissing,
    KeyRing,
    KeysMissing,
    KeysUnusable,
    WrappedKey,
)
from earwitness.media.keys.token_key import token_key

DATA_KEY = os.urandom(32)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data")


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_wrapped_key_opens_after_a_restart(settings: Settings) -> None:
    wrapped = KeyRing.open(settings, create=True).wrap(DATA_KEY, b"recording 1")
    assert DATA_KEY not in wrapped.wrapped
    assert KeyRing.open(settings).unwrap(wrapped, b"recording 1") == DATA_KEY


def test_keys_are_beside_the_data_and_only_their_owner_can_read_them(settings: Settings) -> None:
    KeyRing.open(settings, create=True)
    token_key(settings)
    assert settings.keys_folder == settings.data.with_name("data.keys")
    assert _mode(settings.keys_folder) == 0o700
    assert {_mode(path) for path in settings.keys_folder.iterdir()} == {0o600}


def test_lost_keys_are_never_replaced_silently(settings: Settings) -> None:
    with pytest.raises(KeysMissing, match=str(settings.keys_folder)):
        KeyRing.open(settings)
    assert not settings.keys_folder.exists()


def test_a_key_is_bound_to_what_it_was_wrapped_for(settings: Settings) -> None:
    ring = KeyRing.open(settings, create=True)
    wrapped = ring.wrap(DATA_KEY, b"recording 1")
    with pytest.raises(Corrupt):
        ring.unwrap(wrapped, b"recording 2")
    with pytest.raises(Corrupt):
        ring.unwrap(WrappedKey(wrapped.kek_id, wrapped.wrapped[:-1]), b"recording 1")
    with pytest.raises(Corrupt):
        ring.unwrap(WrappedKey(wrapped.kek_id, b""), b"recording 1")


def test_an_unknown_key_encryption_key_is_named(settings: Settings) -> None:
    ring = KeyRing.open(settings, create=True)
    with pytest.raises(KeyMissing, match="kek-1999-01"):
        ring.unwrap(WrappedKey("kek-1999-01", bytes(60)), b"")


def test_after_a_rotation_old_keys_open_and_running_processes_use_the_new_one(settings: Settings) -> None:
    running = KeyRing.open(settings, create=True)
    before = running.wrap(DATA_KEY, b"")
    rotating = KeyRing.open(settings)
    assert rotating.rotate() == f"{before.kek_id}-2"
    after = rotating.wrap(DATA_KEY, b"")
    assert after.kek_id != before.kek_id
    assert running.unwrap(after, b"") == DATA_KEY
    assert KeyRing.open(settings).unwrap(before, b"") == DATA_KEY


def test_running_processes_wrap_with_a_new_key_at_once(settings: Settings) -> None:
    running, rotating = KeyRing.open(settings, create=True), KeyRing.open(settings)
    for _ in range(20):
        kek_id = rotating.rotate()
        assert running.wrap(DATA_KEY, b"").kek_id == kek_id


def test_running_processes_go_on_when_the_key_file_is_lost_or_damaged(settings: Settings) -> None:
    ring = KeyRing.open(settings, create=True)
    wrapped = ring.wrap(DATA_KEY, b"")
    for spoil in (lambda file: file.write_text("{}"), Path.unlink):
        spoil(settings.keys_folder / KEYS_FILE)
        assert ring.unwrap(wrapped, b"") == DATA_KEY
        assert ring.wrap(DATA_KEY, b"").kek_id == wrapped.kek_id


def test_a_retired_key_is_gone_and_the_current_one_stays(settings: Settings) -> None:
    running = KeyRing.open(settings, create=True)
    before = running.wrap(DATA_KEY, b"")
    ring = KeyRing.open(settings)
    with pytest.raises(KeyInUse):
        ring.retire(before.kek_id)
    kek_id = ring.rotate()
    ring.retire(before.kek_id)
    with pytest.raises(NotFound):
        ring.retire(before.kek_id)
    assert KeyRing.open(settings).ids == running.ids == [kek_id]
    with pytest.raises(KeyMissing, match=before.kek_id):
        running.unwrap(before, b"")


def test_two_rings_that_rotate_lose_no_key(settings: Settings) -> None:
    one, other = KeyRing.open(settings, create=True), KeyRing.open(settings)
    wrapped = [one.wrap(DATA_KEY, b"")]
    for ring in (one, other, one):
        ring.rotate()
        wrapped.append(ring.wrap(DATA_KEY, b""))
    fresh = KeyRing.open(settings)
    assert len({key.kek_id for key in wrapped}) == 4
    assert [fresh.unwrap(key, b"") for key in wrapped] == [DATA_KEY] * 4


def test_processes_that_start_at_once_agree_on_the_keys(settings: Settings) -> None:
    program = (
        "import sys; from pathlib import Path; from earwitness.kernel.settings import Settings\n"
        "from earwitness.media.keys.key_ring import KeyRing\n"
        "from earwitness.media.keys.token_key import token_key\n"
        "settings = Settings(data=Path(sys.argv[1]))\n"
        "ring = KeyRing.open(settings, create=True)\n"
        "print(ring.wrap(b'x' * 32, b'').wrapped.hex(), token_key(settings).hex())\n"
    )
    command = [sys.executable, "-c", program, str(settings.data)]
    starting = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    answers = [process.communicate()[0].split() for process in starting]
    ring = KeyRing.open(settings)
    assert {ring.unwrap(WrappedKey(ring.current, bytes.fromhex(key)), b"") for key, _ in answers} == {
        b"x" * 32
    }
    assert {token for _, token in answers} == {token_key(settings).hex()}


def test_a_given_key_is_used_instead_of_the_file(settings: Settings) -> None:
    given = "vault-7:" + base64.b64encode(bytes(range(32))).decode()
    ring = KeyRing.open(Settings(data=settings.data, key_encryption_key=given))
    wrapped = ring.wrap(DATA_KEY, b"")
    assert wrapped.kek_id == "vault-7"
    assert ring.unwrap(wrapped, b"") == DATA_KEY
    assert not settings.keys_folder.exists()
    with pytest.raises(SettingError):
        ring.rotate()


def test_the_first_of_several_keys_in_the_setting_is_current(settings: Settings) -> None:
    one, other = (f"{name}:{base64.b64encode(os.urandom(32)).decode()}" for name in ("one", "other"))
    wrapped = KeyRing.open(Settings(key_encryption_key=one)).wrap(DATA_KEY, b"")
    ring = KeyRing.open(Settings(key_encryption_key=f"{other}, {one}"))
    assert ring.current == "other"
    assert ring.unwrap(wrapped, b"") == DATA_KEY
    with pytest.raises(SettingError):
        KeyRing.open(Settings(key_encryption_key=f"{one},{one}"))


@pytest.mark.parametrize(
    "given", ["c2VjcmV0c2VjcmV0", "id:", "id:c2VjcmV0c2VjcmV0", "id:%%%", ":" + "A" * 44]
)
def test_a_given_key_that_is_none_is_refused_without_showing_it(given: str) -> None:
    with pytest.raises(SettingError, match="KEY_ENCRYPTION_KEY") as refused:
        KeyRing.open(Settings(key_encryption_key=given))
    assert "c2VjcmV0" not in str(refused.value)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"current": "a", "keys": {}}', '{"current": 1, "keys": 2}']
)
def test_a_damaged_key_file_is_refused_not_replaced(settings: Settings, content: str) -> None:
    settings.keys_folder.mkdir()
    file = settings.keys_folder / KEYS_FILE
    file.write_text(content)
    with pytest.raises(KeysUnusable, match=KEYS_FILE):
        KeyRing.open(settings, create=True)
    assert file.read_text() == content


def test_a_key_file_that_cannot_be_read_is_named(settings: Settings) -> None:
    (settings.keys_folder / KEYS_FILE).mkdir(parents=True)
    with pytest.raises(KeysUnusable, match=KEYS_FILE):
        KeyRing.open(settings, create=True)


def test_printing_a_key_ring_shows_no_key(settings: Settings) -> None:
    ring = KeyRing.open(settings, create=True)
    written = json.loads((settings.keys_folder / KEYS_FILE).read_text())
    (encoded,) = written["keys"].values()
    assert written["current"] in repr(ring)
    assert encoded not in repr(ring)
    assert repr(base64.b64decode(encoded)) not in repr(ring)


def test_the_token_key_is_made_once_and_can_be_given(settings: Settings) -> None:
    made = token_key(settings)
    assert len(made) >= 32
    assert token_key(settings) == made
    assert token_key(Settings(data=settings.data, token_key="t" * 40)) == b"t" * 40
    assert token_key(Settings(data=settings.data, token_key=made.decode())) == made
