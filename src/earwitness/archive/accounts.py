"""The door to accounts: create one, list them, open one, upgrade them.

An account is a namespace. On one machine it is one SQLite file with its media beside it, on PostgreSQL
one schema; no table has a column for it, so no query can forget it.
"""

import logging
import threading
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass, field

from sqlalchemy import Connection, Engine, insert, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.schema import CreateSchema

from earwitness.archive import upgrades
from earwitness.archive.accounts_with_work import mark_if_possible
from earwitness.archive.databases import Allowance, postgres_engine, reading, sqlite_engine, writing
from earwitness.archive.jobs import take_due
from earwitness.archive.schema import directory
from earwitness.archive.schema.people import account as account_table
from earwitness.archive.schema.people import counters
from earwitness.archive.schema.vault import media_objects
from earwitness.kernel.clock import now_ms
from earwitness.kernel.errors import Conflict, NotFound, Problem
from earwitness.kernel.outages import tell
from earwitness.kernel.settings import Settings
from earwitness.media.kms import KeyEncryption, open_keys
from earwitness.media.stores import Store, check_store, open_store
from earwitness.media.vault import Vault

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Account:
    """One customer firm."""

    client_id: int
    name: str
    created_at: int


@dataclass(frozen=True, slots=True)
class Archive:
    """One account, opened: its database and its vault."""

    client_id: int
    engine: Engine = field(repr=False)
    store: Store = field(repr=False)
    vault: Vault = field(repr=False)
    directory: Engine = field(repr=False)

    def read(self, allowed: Allowance | None = None) -> AbstractContextManager[Connection]:
        return reading(self.engine, allowed)

    @contextmanager
    def write(self, *, patient: bool = False) -> Iterator[Connection]:
        """Give a connection in a transaction, as `writing` does. Workers are told of jobs that it queued."""
        with writing(self.engine, patient=patient) as connection:
            take_due(connection)  # what a transaction left that rolled back
            yield connection
            due_at = take_due(connection)
        if due_at:
            mark_if_possible(self.directory, self.client_id, due_at)

    def sweep(self) -> int:
        """Settle the uploads of dead processes: an object stays if the database names it. How many went."""
        return self.store.sweep(self._names)

    def sweep_if_possible(self) -> None:
        """The same where nobody can wait for a bucket that does not answer: the next start sweeps again."""
        try:
            self.sweep()
        except (Problem, SQLAlchemyError, OSError) as error:
            tell(log.warning, error, "account %s: uploads of dead processes are left there", self.client_id)

    def _names(self, object_name: str) -> bool:
        with self.read() as connection:
            named = select(media_objects.c.id).where(media_objects.c.name == object_name)
            return connection.scalar(named) is not None


class Accounts:
    """All accounts of this installation."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._opened: dict[int, Archive] = {}
        self._keys: KeyEncryption | None = None
        check_store(settings)
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._postgres = postgres_engine(settings.database_url) if settings.database_url else None
        self.directory = self._postgres or sqlite_engine(settings.data / "directory.db")
        with ExitStack() as leaving:
            leaving.callback(self.directory.dispose)
            upgrades.upgrade(self.directory, "directory")
            leaving.pop_all()

    def create(self, client_id: int, name: str) -> Account:
        """Make an account. It is listed only when it is whole: its row in the directory commits last.

        Raises Conflict if there is one of this client id; who makes it at the same time waits to be told.
        """
        account = Account(client_id, name, now_ms())
        with writing(self.directory, patient=True) as connection:
            try:
                connection.execute(insert(directory.accounts).values(asdict(account)))
            except IntegrityError:
                raise Conflict(f"There is already an account {client_id}.") from None
            open_keys(self.settings, create=not self.all())
            self._fill(client_id)
        return account

    def _fill(self, client_id: int) -> None:
        """Make the tables of a new account and their first rows, as far as an earlier try did not."""
        if self._postgres:
            with self._postgres.begin() as connection:
                connection.execute(CreateSchema(f"account_{client_id}", if_not_exists=True))
        with self._for_a_while(client_id) as engine:
            upgrades.upgrade(engine, "account", schema=self._schema(client_id))
            with writing(engine) as connection:
                if connection.scalar(select(account_table.c.client_id)) is None:
                    connection.execute(insert(account_table).values(**_new_account(client_id)))
                    connection.execute(insert(counters).values(name="interaction", value=0))

    def all(self) -> list[Account]:
        with reading(self.directory) as connection:
            rows = connection.execute(select(directory.accounts).order_by(directory.accounts.c.client_id))
            return [Account(row.client_id, row.name, row.created_at) for row in rows]

    def open(self, client_id: int) -> Archive:
        """Open an account. Raises NotFound if there is none."""
        if archive := self._opened.get(client_id):
            return archive
        with self._lock:
            if archive := self._opened.get(client_id):
                return archive
            if not any(account.client_id == client_id for account in self.all()):
                raise NotFound(f"There is no account {client_id}.")
            store = open_store(self.settings, client_id)
            self._keys = self._keys or open_keys(self.settings)
            vault = Vault(store, self._keys, client_id)
            archive = Archive(client_id, self._engine(client_id), store, vault, self.directory)
            self._opened[client_id] = archive
        archive.sweep_if_possible()
        return archive

    @contextmanager
    def glance(self, client_id: int) -> Iterator[Connection]:
        """Look into an account that is not opened for it, and closed again if it was not open."""
        with self._lock:
            opened = self._opened.get(client_id)
        if opened:
            with opened.read() as connection:
                yield connection
            return
        with self._for_a_while(client_id) as engine, reading(engine) as connection:
            yield connection

    def upgrade(self) -> Iterator[tuple[int, str]]:
        """Bring every account's tables up to date, saying which and to what revision."""
        for account in self.all():
            with self._for_a_while(account.client_id) as engine:
                revision = upgrades.upgrade(engine, "account", schema=self._schema(account.client_id))
            yield account.client_id, revision

    def outdated(self) -> list[int]:
        """The accounts whose tables are older than this program."""
        found: list[int] = []
        for account in self.all():
            with self._for_a_while(account.client_id) as engine:
                if not upgrades.is_current(engine, "account", schema=self._schema(account.client_id)):
                    found.append(account.client_id)
        return found

    def close(self) -> None:
        with self._lock:
            for archive in self._opened.values():
                archive.engine.dispose()
            self._opened.clear()
        self.directory.dispose()

    @contextmanager
    def _for_a_while(self, client_id: int) -> Iterator[Engine]:
        engine = self._engine(client_id)
        try:
            yield engine
        finally:
            if not self._postgres:
                engine.dispose()

    def _schema(self, client_id: int) -> str | None:
        return f"account_{client_id}" if self._postgres else None

    def _engine(self, client_id: int) -> Engine:
        if self._postgres:
            return self._postgres.execution_options(schema_translate_map={None: self._schema(client_id)})
        folder = self.settings.data / "accounts" / str(client_id)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return sqlite_engine(folder / "archive.db")


def _new_account(client_id: int) -> dict[str, object]:
    return {
        "client_id": client_id,
        "account_guid": str(uuid.uuid4()),
        "region": "",
        "transcription": "none",
        "default_retention": {"default": None},
    }
