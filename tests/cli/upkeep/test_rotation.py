"""A rotation starts only when every running process has the same keys as the command."""

import base64
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.identity.loaded_keys import running_processes
from earwitness.archive.schema.directory import loaded_keys
from earwitness.kernel.clock import now_ms
from earwitness.kernel.settings import Settings
from earwitness.media.keys.key_ring import KEYS_FILE
from tests.cli.running import run_json, running
from tests.firm import CLIENT_ID, Firm, tone
from tests.servers import other_server
from tests.waiting import until


@contextmanager
def running_server(settings: Settings) -> Iterator[Accounts]:
    """The keys that a running server reports."""
    accounts = Accounts(settings)
    accounts.open(CLIENT_ID)
    with accounts.identity.reporting():
        yield accounts
    accounts.close()


@pytest.fixture
def recorded(settings: Settings) -> Settings:
    with Firm(settings) as firm:
        firm.ingest(tone(), thirdPartyId="call-1")
    return settings


def given(*named: str) -> dict[str, str]:
    return {name: base64.b64encode(os.urandom(32)).decode() for name in named}


def setting(keys: dict[str, str], *ids: str) -> str:
    return ",".join(f"{kek_id}:{keys[kek_id]}" for kek_id in ids)


def test_a_rotation_is_refused_while_a_server_reads_other_files_of_keys(
    recorded: Settings, tmp_path: Path
) -> None:
    other = replace(other_server(recorded, tmp_path), data=recorded.data)
    file = recorded.keys_folder / KEYS_FILE
    before = file.read_bytes()
    with running_server(recorded), running_server(other):
        refused = run_json(recorded, "key", "rotate", exit_code=1)["error"]
        assert "does not have this key" in refused
        assert file.read_bytes() == before
        with Firm(recorded, keys={"nobody": ""}) as firm:
            assert firm.archive.vault.current_kek_id in before.decode()
    (listed,) = run_json(recorded, "key", "list")["keys"]
    assert (listed["current"], listed["recordings"]) == (True, 1)
    rotated = run_json(recorded, "key", "rotate")
    assert (rotated["isNew"], rotated["rewrapped"]) == (True, 1)


def test_servers_that_read_the_same_file_have_the_new_key_before_it_is_used(recorded: Settings) -> None:
    with running_server(recorded) as one, running_server(recorded) as other:
        rotated = run_json(recorded, "key", "rotate")
        assert rotated["rewrapped"] == 1
        assert one.identity.keys().current == other.identity.keys().current == rotated["current"]


def test_given_keys_are_rotated_when_every_server_encrypts_with_the_new_one(settings: Settings) -> None:
    keys = given("old", "new")
    old = replace(settings, key_encryption_key=setting(keys, "old"))
    both = replace(settings, key_encryption_key=setting(keys, "old", "new"))
    new = replace(settings, key_encryption_key=setting(keys, "new", "old"))
    with Firm(old) as firm:
        firm.ingest(tone(), thirdPartyId="call-1")
    for behind, why in ((old, "does not have this key"), (both, "encrypts with another key")):
        with running_server(behind), running_server(new):
            assert why in run_json(new, "key", "rotate", exit_code=1)["error"]
    with running_server(new):
        rotated = run_json(new, "key", "rotate")
        assert (rotated["current"], rotated["rewrapped"]) == ("new", 1)


def test_a_rotation_is_refused_with_a_key_that_differs(recorded: Settings, tmp_path: Path) -> None:
    (current,) = run_json(recorded, "key", "list")["keys"]
    wrong = replace(recorded, key_encryption_key=setting(given(current["id"]), current["id"]))
    assert current["id"] in run_json(wrong, "key", "rotate", exit_code=1)["error"]
    (same,) = run_json(recorded, "key", "list")["keys"]
    assert same == current


def test_a_killed_process_delays_a_rotation_only_until_it_counts_as_dead(
    recorded: Settings, tmp_path: Path
) -> None:
    other = replace(other_server(recorded, tmp_path), data=recorded.data)
    accounts = Accounts(recorded)
    dead = Accounts(other)
    with dead.identity.reporting():
        rows = _rows(accounts)
    dead.close()
    rows = [row | {"seen_at": now_ms() - 60_000} for row in rows]
    _insert(accounts, rows)
    accounts.close()
    assert run_json(recorded, "key", "rotate")["rewrapped"] == 1


def test_a_lost_key_can_be_forgotten_when_nothing_needs_it(settings: Settings) -> None:
    keys = given("one", "other")
    run_json(replace(settings, key_encryption_key=setting(keys, "one", "other")), "key", "list")
    one = replace(settings, key_encryption_key=setting(keys, "one"))
    another = replace(settings, key_encryption_key=setting(keys | given("other"), "one", "other"))
    assert "other" in run_json(another, "key", "list", exit_code=1)["error"]
    assert "in the setting" in run_json(one, "key", "retire", "other", exit_code=1)["error"]
    assert "among the keys" in run_json(one, "key", "retire", "one", "--forget", exit_code=1)["error"]
    assert run_json(one, "key", "retire", "other", "--forget") == {"retired": "other"}
    assert "There is no key" in run_json(one, "key", "retire", "other", "--forget", exit_code=1)["error"]
    run_json(another, "key", "list")


@pytest.mark.parametrize("words", [("worker",), ("watch", CLIENT_ID, "incoming"), ("serve", "--port", 0)])
@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_long_running_commands_report_their_keys(
    settings: Settings, tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "incoming").mkdir()
    words = tuple(str(tmp_path / word) if word == "incoming" else word for word in words)
    accounts = Accounts(settings)
    with running(settings, *words):
        (found,) = until(lambda: running_processes(accounts.directory), "it says so", seconds=60)
    assert found.kek_ids == {found.current} == set(accounts.identity.keys().ids)
    accounts.close()


def _rows(accounts: Accounts) -> list[dict[str, object]]:
    with accounts.directory.connect() as connection:
        return [dict(row) for row in connection.execute(loaded_keys.select()).mappings()]


def _insert(accounts: Accounts, rows: list[dict[str, object]]) -> None:
    with accounts.directory.begin() as connection:
        connection.execute(loaded_keys.insert(), rows)
