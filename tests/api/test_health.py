"""Whether the server is alive, and whether it is ready."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from earwitness.kernel.settings import Settings
from earwitness.media.stores.disk import DiskStore
from tests.firm import Firm
from tests.postgres import run_in_postgres


def missing(firm: Firm) -> list[str]:
    """What the server says it lacks; nothing when it is ready."""
    answer = firm.client.get("/readyz")
    if answer.status_code == 200:
        assert answer.json() == {"status": "ready"}
        return []
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert int(answer.headers["retry-after"]) > 0
    problem = answer.json()
    assert problem["code"] == "not-ready"
    assert str(firm.settings.data) not in answer.text
    named: list[str] = problem["missing"]
    return named


def test_a_server_with_all_it_needs_lives_and_is_ready(firm: Firm) -> None:
    assert firm.client.get("/healthz").json() == {"status": "alive"}
    assert missing(firm) == []


def test_with_too_little_room_it_lives_and_is_not_ready(settings: Settings) -> None:
    with Firm(replace(settings, min_free_mib=1 << 40)) as firm:
        assert missing(firm) == ["disk"]
        assert firm.client.get("/healthz").status_code == 200


def test_without_its_database_it_is_not_ready_until_that_is_back(firm: Firm, postgres_url: str) -> None:
    firm.app.state.installation.accounts.directory.dispose()
    if url := firm.settings.database_url:
        name = make_url(url).database
        run_in_postgres(postgres_url, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        assert missing(firm) == ["database"]
        run_in_postgres(postgres_url, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    else:
        file = firm.settings.data / "directory.db"
        file.rename(Path(f"{file}.away"))
        file.mkdir()
        assert missing(firm) == ["database"]
        file.rmdir()
        Path(f"{file}.away").rename(file)
    assert missing(firm) == []


def test_a_store_that_does_not_answer_is_named(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> bool:
        raise OSError(5, "a path of the host")

    monkeypatch.setattr(DiskStore, "exists", refuse)
    assert missing(firm) == ["media"]
    monkeypatch.undo()
    assert missing(firm) == []
