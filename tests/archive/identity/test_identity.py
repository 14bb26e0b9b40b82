"""A key, a key for tokens, a store or a folder of another archive is refused and named."""

import base64
import logging
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select

from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.identity import shared_keys
from earwitness.archive.identity.shared_keys import LEDGER_KEY, SharedKeys
from earwitness.archive.schema.directory import identities, known_keys
from earwitness.kernel.errors import Conflict
from earwitness.kernel.settings import SettingError, Settings
from earwitness.media.differing import Differs
from earwitness.media.keys.key_ring import KEYS_FILE, KeyRing
from earwitness.media.keys.ledger_key import LEDGER_KEY_FILE
from earwitness.media.keys.token_key import TOKEN_KEY_FILE
from earwitness.media.stores.store_marker import MARKER
from tests.api.test_health import missing
from tests.conftest import DATABASES, installation
from tests.firm import CLIENT_ID, Firm, call, tone
from tests.old_archives import CONTENTS, REVISIONS, old_installation
from tests.servers import change_keys, flip_a_bit, make_another, other_server

FOLDER_FILE = "earwitness-installation"
NOBODY = {"nobody": ""}
"""The keys of a firm where nobody is to sign in."""


def refused(settings: Settings) -> Differs:
    """How a server with these settings is refused, at its start and by each command that opens an account."""
    accounts = Accounts(settings)
    try:
        with pytest.raises(Differs) as at_start:
            accounts.identity.check_server()
        with pytest.raises(Differs) as by_command:
            accounts.open(CLIENT_ID)
    finally:
        accounts.close()
    assert at_start.value.for_operators == by_command.value.for_operators
    return by_command.value


def is_taken(settings: Settings) -> bool:
    accounts = Accounts(settings)
    try:
        accounts.identity.check_server()
        return accounts.open(CLIENT_ID).client_id == CLIENT_ID
    finally:
        accounts.close()


def noted(settings: Settings) -> dict[str, str]:
    accounts = Accounts(settings)
    with accounts.directory.connect() as connection:
        found = {row.kind: row.value for row in connection.execute(select(identities))}
    accounts.close()
    return found


@pytest.fixture
def used(settings: Settings) -> Settings:
    """An installation that has a recording."""
    with Firm(settings) as firm:
        firm.ingest(tone(), thirdPartyId="call-1")
    return settings


@pytest.mark.parametrize("change", [flip_a_bit, make_another])
def test_another_key_under_a_known_id_is_refused_and_named(
    settings: Settings, tmp_path: Path, change: Callable[[dict[str, bytes], str], None]
) -> None:
    other = other_server(settings, tmp_path)
    assert is_taken(other)
    kek_id = change_keys(other, change)
    problem = refused(other)
    assert problem.code == "key-differs"
    assert kek_id in problem.detail
    secret = (other.keys_folder / KEYS_FILE).read_text().split('"')[-2]
    assert secret not in problem.for_operators
    assert is_taken(settings)


def test_a_key_that_differs_is_refused_even_if_it_is_not_the_current_one(
    settings: Settings, tmp_path: Path
) -> None:
    first, second = "a:" + "A" * 43 + "=", "b:" + "B" * 43 + "="
    given = replace(settings, key_encryption_key=f"{first},{second}")
    assert is_taken(given)
    assert is_taken(replace(settings, key_encryption_key=f"{second},{first}"))
    problem = refused(replace(settings, key_encryption_key=f"{first},b:" + "C" * 43 + "="))
    assert "key b " in problem.detail
    assert "key retire b --forget" in problem.for_operators


def test_a_key_that_changes_under_a_running_server_is_not_used(
    firm: Firm, caplog: pytest.LogCaptureFixture
) -> None:
    file = firm.settings.keys_folder / KEYS_FILE
    right = file.read_text()
    assert missing(firm) == []
    kek_id = change_keys(firm.settings, flip_a_bit)
    firm.ingest(tone(), thirdPartyId="meanwhile")
    assert missing(firm) == ["keys"]
    assert kek_id in firm.client.get("/readyz").json()["detail"]
    assert [record.message for record in caplog.records if kek_id in record.message] != []
    file.write_text(right)
    assert missing(firm) == []
    assert plays(firm, "meanwhile") == (200, "")


def test_readyz_names_a_missing_file_of_keys(firm: Firm) -> None:
    assert missing(firm) == []
    (firm.settings.keys_folder / KEYS_FILE).unlink()
    assert missing(firm) == ["keys"]


def test_another_key_for_tokens_is_refused(settings: Settings, tmp_path: Path) -> None:
    assert is_taken(settings)
    other = replace(other_server(settings, tmp_path), token_key="t" * 40)
    problem = refused(other)
    assert problem.code == "token-key-differs"
    assert "EARWITNESS_TOKEN_KEY" in problem.for_operators
    assert "tttt" not in problem.for_operators
    with Firm(settings) as firm:
        assert missing(firm) == []
        (settings.keys_folder / TOKEN_KEY_FILE).write_text("x" * 40)
        assert missing(firm) == ["keys"]


def test_a_lost_key_for_tokens_is_made_again_on_a_single_machine(settings: Settings, tmp_path: Path) -> None:
    assert is_taken(settings)
    (settings.keys_folder / TOKEN_KEY_FILE).unlink()
    if settings.database_url:
        accounts = Accounts(settings)
        with pytest.raises(Differs, match="does not have the key for tokens"):
            accounts.identity.check_server()
        accounts.close()
    else:
        assert is_taken(settings)


def test_another_key_for_ledgers_is_refused(settings: Settings, tmp_path: Path) -> None:
    assert is_taken(settings)
    given = base64.b64encode(b"l" * 32).decode()
    problem = refused(replace(other_server(settings, tmp_path), ledger_key=given))
    assert problem.code == "ledger-key-differs"
    assert "EARWITNESS_LEDGER_KEY" in problem.for_operators
    assert given not in problem.for_operators
    with Firm(settings) as firm:
        assert missing(firm) == []
        (settings.keys_folder / LEDGER_KEY_FILE).write_text(given)
        assert missing(firm) == ["keys"]


def test_a_lost_key_for_ledgers_is_told_and_never_made_again_by_itself(settings: Settings) -> None:
    assert is_taken(settings)
    with Firm(settings) as firm:
        (settings.keys_folder / LEDGER_KEY_FILE).unlink()
        assert missing(firm) == ["keys"]
    accounts = Accounts(settings)
    for ask in (accounts.identity.check_server, accounts.identity.ledger_key):
        with pytest.raises(Differs, match="does not have the key for ledgers"):
            ask()
    assert not (settings.keys_folder / LEDGER_KEY_FILE).exists()
    accounts.identity.accept_ledger_key()
    assert len(accounts.identity.ledger_key()) == 32
    accounts.identity.check_server()
    with pytest.raises(Conflict):
        accounts.identity.accept_ledger_key()
    accounts.close()


def test_a_key_for_ledgers_can_be_given_and_one_that_is_none_is_not_shown(settings: Settings) -> None:
    given = replace(settings, ledger_key=base64.b64encode(b"l" * 32).decode())
    accounts = Accounts(given)
    assert accounts.identity.ledger_key() == b"l" * 32
    accounts.close()
    assert not (settings.keys_folder / LEDGER_KEY_FILE).exists()
    for wrong in ("secret", "c2VjcmV0", "A" * 42 + "=="):
        accounts = Accounts(replace(settings, ledger_key=wrong))
        with pytest.raises(SettingError) as error:
            accounts.identity.ledger_key()
        assert wrong not in str(error.value)
        accounts.close()


def test_folders_of_another_installation_are_refused(
    request: pytest.FixtureRequest, settings: Settings, tmp_path: Path
) -> None:
    assert is_taken(settings)
    request.param = "postgresql" if settings.database_url else "sqlite"
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    with installation(request, theirs) as other:
        # Their ids were copied with the empty archive that all tests begin with.
        for folder in (other.data, other.keys_folder):
            (folder / FOLDER_FILE).unlink(missing_ok=True)
        accounts = Accounts(other)
        with accounts.directory.begin() as connection:
            connection.execute(delete(identities))
            connection.execute(delete(known_keys))
        accounts.close()
        (other.keys_folder / KEYS_FILE).unlink()
        KeyRing.open(other, create=True)
        assert is_taken(other)
        mixed = replace(settings, keys=other.keys, database_url=settings.database_url)
        problem = refused(mixed)
        assert problem.code == "installation-differs"
        assert str(other.keys_folder) in problem.for_operators
        assert str(other.keys_folder) not in problem.detail
        if settings.database_url:
            assert refused(replace(other, database_url=settings.database_url)).code == "installation-differs"
        with Firm(settings) as firm:
            assert missing(firm) == []
            shutil.copy(other.keys_folder / FOLDER_FILE, settings.keys_folder)
            assert missing(firm) == ["installation"]


def test_a_directory_without_an_id_takes_that_of_its_folders(settings: Settings) -> None:
    assert is_taken(settings)
    known = noted(settings)["installation"]
    accounts = Accounts(settings)
    with accounts.directory.begin() as connection:
        connection.execute(delete(identities))
    accounts.close()
    assert is_taken(settings)
    assert noted(settings)["installation"] == known


def test_servers_that_start_at_once_agree(settings: Settings, tmp_path: Path) -> None:
    accounts = Accounts(settings)
    with accounts.directory.begin() as connection:
        connection.execute(delete(identities))
        connection.execute(delete(known_keys))
    accounts.close()
    servers = [settings]
    for number in range(3):
        (tmp_path / str(number)).mkdir()
        servers.append(other_server(settings, tmp_path / str(number)))
    for server in servers:
        for folder in (server.data, server.keys_folder):
            (folder / FOLDER_FILE).unlink(missing_ok=True)
    with ThreadPoolExecutor(len(servers)) as pool:
        assert all(pool.map(is_taken, servers))
    known = noted(settings)["installation"]
    said = {(server.keys_folder / FOLDER_FILE).read_text().strip() for server in servers}
    assert said == {known}


@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
def test_media_that_would_lie_in_another_data_folder_is_refused(used: Settings, tmp_path: Path) -> None:
    other = other_server(used, tmp_path)
    problem = refused(other)
    assert problem.code == "store-differs"
    assert str(other.data) in problem.for_operators
    with Firm(used, keys=NOBODY) as firm:
        assert missing(firm) == []
        (used.data / MARKER).unlink()
        assert missing(firm) == ["installation"]


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_a_backup_without_the_marker_of_its_data_folder_is_taken(used: Settings) -> None:
    (used.data / MARKER).unlink()
    assert is_taken(used)
    assert noted(used)["store"] in (used.data / MARKER).read_text()


def test_no_recording_is_accepted_after_the_store_was_found_to_differ(firm: Firm) -> None:
    foreign = '{"installation": "' + "1" * 32 + '", "store": "' + "2" * 32 + '"}'
    assert firm.search() == []
    (firm.settings.data / MARKER).write_text(foreign)
    answer = firm.send(call(), tone())
    assert (answer.status_code, answer.json()["code"]) == (503, "store-differs")
    (firm.settings.data / MARKER).unlink()
    assert firm.search() == []
    media = firm.settings.data / "accounts" / str(CLIENT_ID) / "media"
    assert [path for path in media.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("revision", REVISIONS)
@pytest.mark.parametrize("database", DATABASES)
def test_an_old_installation_is_upgraded_without_warnings_and_its_values_are_noted(
    revision: str,
    database: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    url = request.getfixturevalue("postgres_url") if database == "postgresql" else None
    with old_installation(revision, tmp_path, url) as settings, caplog.at_level(logging.INFO):
        accounts = Accounts(settings, upgrading=True)
        list(accounts.upgrade())
        accounts.close()
        assert is_taken(settings)
        assert [one for one in caplog.records if one.name.startswith("earwitness.archive.identity")] == []
        assert set(noted(settings)) == {"installation", "store", "token-key", "ledger-key"}
        with Firm(settings, keys=NOBODY) as firm, firm.archive.directory.connect() as connection:
            rows = connection.execute(select(known_keys)).all()
        assert [(bool(row.value), row.in_use) for row in rows] == [(True, True)]
        change_keys(settings, flip_a_bit)
        assert refused(settings).code == "key-differs"


@pytest.mark.parametrize("database", DATABASES)
def test_an_upgrade_notices_a_key_that_opens_nothing(
    database: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = request.getfixturevalue("postgres_url") if database == "postgresql" else None
    with old_installation(REVISIONS[0], tmp_path, url) as settings:
        right = (settings.keys_folder / KEYS_FILE).read_text()
        kek_id = change_keys(settings, flip_a_bit)
        accounts = Accounts(settings, upgrading=True)
        with pytest.raises(Differs, match=kek_id):
            list(accounts.upgrade())
        accounts.close()
        (settings.keys_folder / KEYS_FILE).write_text(right)
        accounts = Accounts(settings, upgrading=True)
        list(accounts.upgrade())
        accounts.close()
        assert is_taken(settings)
        assert CONTENTS["media"]


@pytest.mark.parametrize("database", DATABASES)
def test_an_upgrade_notices_a_store_that_has_none_of_the_media(
    database: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url = request.getfixturevalue("postgres_url") if database == "postgresql" else None
    with old_installation(REVISIONS[0], tmp_path, url) as settings:
        [media] = settings.data.glob("accounts/*/media")
        media.rename(tmp_path / "elsewhere")
        accounts = Accounts(settings, upgrading=True)
        with pytest.raises(Differs) as refused:
            list(accounts.upgrade())
        assert refused.value.code == "store-differs"
        assert "store" not in noted(settings)
        (tmp_path / "elsewhere").rename(media)
        list(accounts.upgrade())
        accounts.close()
        assert "store" in noted(settings)


def plays(firm: Firm, third_party_id: str) -> tuple[int, str]:
    """The status of playing a recording, and the code of a problem."""
    wanted: dict[str, Any] = {"thirdPartyId": third_party_id, "format": "raw"}
    answer = firm.call("POST", "/client/recording.playBackByThirdPartyId", wanted)
    return answer.status_code, "" if answer.is_success else answer.json()["code"]


def test_a_key_that_another_server_makes_at_the_same_moment_is_not_lost(
    used: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(used, keys=used.data / "keys-of-both")
    accounts = Accounts(used)
    with accounts.directory.begin() as connection:
        connection.execute(delete(identities).where(identities.c.kind == LEDGER_KEY.kind))
    other = [SharedKeys(settings, accounts.directory)]

    def looked_for_just_before(asked: Settings) -> bytes | None:
        if not other:
            return LEDGER_KEY.known(asked)
        other.pop().require()
        return None

    key = replace(LEDGER_KEY, known=looked_for_just_before)
    monkeypatch.setattr(shared_keys, "SHARED_KEYS", (key,))
    SharedKeys(settings, accounts.directory).require()
    accounts.close()
    assert LEDGER_KEY.known(settings) is not None
