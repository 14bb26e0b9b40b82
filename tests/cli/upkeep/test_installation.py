"""A store or a key that was changed on purpose is accepted by a command, which the ledger records."""

import base64
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from earwitness.archive.schema.work import audit_headers, audit_rows
from earwitness.kernel.settings import Settings
from tests.archive.identity.test_identity import is_taken, refused
from tests.cli.running import run, run_json
from tests.firm import Firm


def test_another_key_for_tokens_is_accepted_by_command(settings: Settings) -> None:
    assert is_taken(settings)
    changed = replace(settings, token_key="t" * 40)
    assert "installation accept token-key" in refused(changed).for_operators
    assert run_json(changed, "installation", "accept", "token-key") == {"accepted": "token-key"}
    assert is_taken(changed)
    assert refused(settings).code == "token-key-differs"
    assert "already" in run_json(changed, "installation", "accept", "token-key", exit_code=1)["error"]


def test_another_key_for_ledgers_is_accepted_by_command(settings: Settings) -> None:
    assert is_taken(settings)
    changed = replace(settings, ledger_key=base64.b64encode(b"l" * 32).decode())
    assert "installation accept ledger-key" in refused(changed).for_operators
    shown = run(changed, "installation", "accept", "ledger-key")
    assert "give witnesses and auditors the new verifier keys" in shown.stdout
    assert is_taken(changed)
    assert refused(settings).code == "ledger-key-differs"
    assert "already" in run_json(changed, "installation", "accept", "ledger-key", exit_code=1)["error"]


def test_a_ledger_key_that_is_none_is_named_and_not_shown(settings: Settings) -> None:
    started = run(settings, "serve", "--port", 0, EARWITNESS_LEDGER_KEY="c2VjcmV0")
    assert started.exit_code == 1
    assert started.stderr.strip() == "earwitness: EARWITNESS_LEDGER_KEY: expected the base64 of 32 bytes"


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_without_the_folder_of_keys_no_command_makes_new_keys(settings: Settings, command: str) -> None:
    assert is_taken(settings)
    away = settings.keys_folder.with_name("away")
    settings.keys_folder.rename(away)
    started = run(settings, command)
    assert (started.exit_code, "has no key-encryption-keys.json" in started.stderr) == (1, True)
    assert not settings.keys_folder.exists()
    away.rename(settings.keys_folder)
    assert is_taken(settings)


def test_the_audit_log_says_who_accepted_what(settings: Settings) -> None:
    assert is_taken(settings)
    changed = replace(settings, token_key="t" * 40)
    shown = run(changed, "installation", "accept", "token-key")
    assert (shown.exit_code, "sign in again" in shown.stdout) == (0, True)
    with Firm(changed) as firm, firm.archive.read() as connection:
        row = connection.execute(
            select(audit_rows, audit_headers.c.username)
            .join(audit_headers, audit_headers.c.id == audit_rows.c.audit_header_id)
            .where(audit_headers.c.route == "earwitness installation accept")
        ).one()
    assert row.metadata == {"what": "token-key"}
    assert row.username.startswith("operator:")


def test_nothing_else_can_be_accepted(settings: Settings, tmp_path: Path) -> None:
    assert run(settings, "installation", "accept", "keys").exit_code == 2
