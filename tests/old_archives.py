"""Archives of earlier programs, to be upgraded by this one: `tests/data/archives`, a folder a revision."""

import json
import lzma
import tarfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from earwitness.archive.accounts.accounts import Accounts
from earwitness.kernel.settings import Settings
from tests.firm import Firm
from tests.postgres import database_of, run_in_postgres

ARCHIVES = Path(__file__).parent / "data" / "archives"
REVISIONS = sorted(path.name for path in ARCHIVES.iterdir() if path.name.isdigit())


def contents_of(revision: str) -> dict[str, Any]:
    """The contents of an archive: `users`, `recordings` as they were sent, and the rest by name."""
    contents: dict[str, Any] = json.loads((ARCHIVES / revision / "contents.json").read_text())
    return contents


@contextmanager
def old_installation(revision: str, folder: Path, postgres_url: str | None) -> Iterator[Settings]:
    """Settings of an installation as that program left it; on SQLite, or in a database of its own."""
    name = "postgresql" if postgres_url else "sqlite"
    with tarfile.open(ARCHIVES / revision / f"{name}.tar.xz") as packed:
        if hasattr(tarfile, "data_filter"):  # not in the first releases of Python 3.11
            packed.extraction_filter = tarfile.data_filter
        packed.extractall(folder)
    settings = Settings(data=folder / "data", keys=folder / "keys", jobs=False)
    if postgres_url is None:
        yield settings
        return
    database = f"old_{uuid.uuid4().hex}"
    run_in_postgres(postgres_url, f"CREATE DATABASE {database}")
    url = database_of(postgres_url, database)
    dump = lzma.decompress((ARCHIVES / revision / "postgresql.sql.xz").read_bytes()).decode()
    # Lines with a backslash are for psql alone.
    run_in_postgres(url, "\n".join(line for line in dump.split("\n") if not line.startswith("\\")))
    yield Settings(data=settings.data, keys=settings.keys, database_url=url, jobs=False)
    run_in_postgres(postgres_url, f"DROP DATABASE {database} WITH (FORCE)")


def api_keys_of(folder: Path) -> dict[str, str]:
    """The API keys of the users of an installation that was restored into a folder."""
    keys: dict[str, str] = json.loads((folder / "api-keys.json").read_text())
    return keys


@contextmanager
def old_firm(revision: str, folder: Path, postgres_url: str | None) -> Iterator[Firm]:
    """The firm of such an installation after `earwitness db upgrade`; background work is left to the test."""
    with old_installation(revision, folder, postgres_url) as settings:
        accounts = Accounts(settings, upgrading=True)
        list(accounts.upgrade())
        accounts.close()
        with Firm(settings, keys=api_keys_of(folder)) as firm:
            yield firm


_TAKEN_BACK = (
    "DROP TABLE text_rebuilds",
    "DROP TABLE endpoint_aliases",
    "DROP INDEX recordings_not_whole",
    "ALTER TABLE waveforms DROP COLUMN channels",
)
_TEXT_OF_SQLITE = (
    "ALTER TABLE recording_text RENAME TO newer_text",
    "CREATE VIRTUAL TABLE recording_text USING fts5(tokens, tokenize = 'ascii')",
    "INSERT INTO recording_text (rowid, tokens) SELECT rowid, said || ' ' || rest FROM newer_text",
    "DROP TABLE newer_text",
)


def take_back_to_0007(connection: Connection) -> None:
    """Make an account's tables those of revision 0007, for rows that a test writes as that program did."""
    is_sqlite = connection.dialect.name == "sqlite"
    if not is_sqlite:
        schema = connection.get_execution_options()["schema_translate_map"][None]
        connection.execute(text(f'SET LOCAL search_path TO "{schema}"'))
    for statement in (*_TAKEN_BACK, *(_TEXT_OF_SQLITE if is_sqlite else ())):
        connection.execute(text(statement))
    connection.execute(text("UPDATE alembic_version SET version_num = '0007'"))
