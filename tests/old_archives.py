"""Archives that earlier programs wrote, to be upgraded: `tests/data/archives`, one folder a revision."""

import json
import lzma
import re
import tarfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa

from earwitness.archive.accounts.accounts import Accounts
from earwitness.kernel.settings import Settings
from tests.firm import CLIENT_ID, Firm
from tests.postgres import database_of, run_in_postgres

ARCHIVES = Path(__file__).parent / "data" / "archives"
REVISIONS = sorted(path.name for path in ARCHIVES.iterdir() if re.fullmatch(r"\d{4}(-d\d{4})?", path.name))
CONTENTS: dict[str, Any] = json.loads((ARCHIVES / "contents.json").read_text())
"""What the archives contain: `users`, `recordings` as they were sent, and the rest by name."""


@contextmanager
def old_installation(name: str, folder: Path, postgres_url: str | None) -> Iterator[Settings]:
    """Settings of an installation as that program left it, on SQLite or in a new PostgreSQL database."""
    packed_as = "postgresql" if postgres_url else "sqlite"
    with tarfile.open(ARCHIVES / name / f"{packed_as}.tar.xz") as packed:
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
    dump = lzma.decompress((ARCHIVES / name / "postgresql.sql.xz").read_bytes()).decode()
    # Lines with a backslash are for psql alone.
    run_in_postgres(url, "\n".join(line for line in dump.split("\n") if not line.startswith("\\")))
    yield Settings(data=settings.data, keys=settings.keys, database_url=url, jobs=False)
    run_in_postgres(postgres_url, f"DROP DATABASE {database} WITH (FORCE)")


def api_keys_of(folder: Path) -> dict[str, str]:
    """The API keys of the users of an installation that was restored into a folder."""
    keys: dict[str, str] = json.loads((folder / "api-keys.json").read_text())
    return keys


@contextmanager
def old_firm(name: str, folder: Path, postgres_url: str | None) -> Iterator[Firm]:
    """The firm of such an installation after `earwitness db upgrade`. No background work is done."""
    with old_installation(name, folder, postgres_url) as settings, upgraded_firm(settings, folder) as firm:
        yield firm


@contextmanager
def upgraded_firm(settings: Settings, folder: Path) -> Iterator[Firm]:
    accounts = Accounts(settings, upgrading=True)
    list(accounts.upgrade())
    accounts.close()
    with Firm(settings, keys=api_keys_of(folder)) as firm:
        yield firm


_WRITTEN = (
    *("people", "endpoints", "inflight_calls", "users", "user_roles_and_rights", "api_keys"),
    *("recordings", "recording_endpoints", "tags", "recording_tags", "counters"),
)


class OldTables:
    """An account of revision 0007 that has only an administrator. A test writes rows into its tables.

    They must be rows as the program of that revision wrote them. `upgrade` returns the upgraded firm.
    """

    NAME = "0007-empty"

    def __init__(self, settings: Settings, folder: Path, leaving: ExitStack) -> None:
        self.settings = settings
        self._folder = folder
        self._leaving = leaving
        if settings.database_url:
            url = sa.make_url(settings.database_url).set(drivername="postgresql+psycopg")
            options = {"options": f"-c search_path=account_{CLIENT_ID}"}
            self._engine = sa.create_engine(url, connect_args=options)
        else:
            file = settings.data / "accounts" / str(CLIENT_ID) / "archive.db"
            self._engine = sa.create_engine(f"sqlite:///{file}")
        leaving.callback(self._engine.dispose)
        self._tables = sa.MetaData()
        self._tables.reflect(self._engine, only=_WRITTEN)
        self._recordings = 0

    @classmethod
    @contextmanager
    def restored(cls, folder: Path, postgres_url: str | None) -> Iterator[Self]:
        with old_installation(cls.NAME, folder, postgres_url) as settings, ExitStack() as leaving:
            yield cls(settings, folder, leaving)

    def insert(self, table: str, **values: Any) -> int:
        """Write a row. Returns its id, if the table has ids."""
        into = self._tables.tables[table]
        with self._engine.begin() as connection:
            key = connection.execute(sa.insert(into).values(values)).inserted_primary_key
        return int(key[0]) if "id" in into.c and key else 0

    def person(self, name: str, folded: str | None = None, **values: Any) -> int:
        row = {"full_name": name, "full_name_folded": name if folded is None else folded}
        return self.insert("people", **{**row, "person_type": "staff", "metadata": {}, **values})

    def endpoint(self, kind: str, value: str, normalised: str, **values: Any) -> int:
        row = {"type": kind, "endpoint": value, "normalised": normalised, "metadata": {}}
        return self.insert("endpoints", **{**row, **values})

    def recording(self, third_party_id: str, *, started_at: int = 0, **values: Any) -> int:
        """Write a recording. Returns its position."""
        self._recordings += 1
        position = (started_at << 20) + self._recordings
        row: dict[str, Any] = {
            "is_private_reason": "",
            "transcript_snippet": "",
            "position": position,
            "interaction_id": self._recordings,
            "third_party_id": third_party_id,
            "type": "phone",
            "source": "",
            "direction": "In",
            "started_at": started_at,
            "ended_at": started_at + 60_000,
            "duration_ms": 60_000,
            "status": "processed",
            "has_media": False,
            "has_sender_times": True,
            "analysis": [],
            "conversation_phases": [],
            "data_groups": {},
            "optional": {},
            "metadata": {},
            "received_at": started_at,
            "received_digest": b"",
        }
        self.insert("recordings", **{**row, **values})
        return position

    def took_part(self, position: int, ordinal: int, endpoint_id: int, **values: Any) -> None:
        """Make an endpoint a participant of a recording."""
        row = {"position": position, "ordinal": ordinal, "endpoint_id": endpoint_id, "user": ""}
        row |= {"user_folded": "", "is_originator": False, "is_recording_subject": ordinal == 0}
        self.insert("recording_endpoints", **{**row, **values})

    def upgrade(self) -> Firm:
        """Upgrade the account, and serve it until the test ends."""
        with self._engine.begin() as connection:
            counters = self._tables.tables["counters"]
            connection.execute(
                sa.update(counters).where(counters.c.name == "interaction").values(value=self._recordings)
            )
        self._engine.dispose()
        return self._leaving.enter_context(upgraded_firm(self.settings, self._folder))
