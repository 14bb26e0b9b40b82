"""Accounts: create one, list them, open one, upgrade them.

An account is a namespace. On one machine it is one SQLite file with its media beside it, on PostgreSQL
one schema; no table has a column for it, so no query can forget it.

`archive/accounts/opening/` opens, closes and refuses their databases.
"""

import logging
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.schema import CreateSchema

from earwitness.archive.accounts import states
from earwitness.archive.accounts.opening.admission import Admission
from earwitness.archive.accounts.opening.archive import Archive
from earwitness.archive.accounts.opening.directory import open_directory
from earwitness.archive.accounts.opening.engine_pools import Engines, Files, Schemas
from earwitness.archive.accounts.opening.unfit import (
    AccountUnavailable,
    Unfit,
    of_error,
    unusable,
)
from earwitness.archive.accounts.opening.upgrading import upgrade_account
from earwitness.archive.accounts.states import Refused
from earwitness.archive.database import upgrades
from earwitness.archive.database.private_files import keep_data_folder_private
from earwitness.archive.database.time_limits import Allowance
from earwitness.archive.database.transactions import reading, writing
from earwitness.archive.identity.identity import Identity
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Action, Entry
from earwitness.archive.receipts.written import receipts_of
from earwitness.archive.schema import directory
from earwitness.archive.schema.people import LOG_BEGINS, counters
from earwitness.archive.schema.people import account as account_table
from earwitness.kernel.clock import now_ms
from earwitness.kernel.errors import Conflict, NotFound
from earwitness.kernel.settings import Settings
from earwitness.media.stores.store import check_store, open_store
from earwitness.media.vault import Vault

__all__ = ["Account", "Accounts", "Archive"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Account:
    """One customer firm."""

    client_id: int
    name: str
    created_at: int


class Accounts:
    """All accounts of this installation."""

    def __init__(self, settings: Settings, *, upgrading: bool = False) -> None:
        """Open the directory. Its older tables are refused; with `upgrading` they are brought up to date."""
        self.settings = settings
        self._lock = threading.Lock()
        self._opened: dict[int, Archive] = {}
        check_store(settings)
        keep_data_folder_private(settings.data)
        self.directory = open_directory(settings, upgrading=upgrading)
        self._engines: Engines = (
            Schemas(self.directory)
            if settings.database_url
            else Files(settings.data / "accounts", settings.open_accounts)
        )
        self._admission = Admission(self._engines, self.directory)
        self.identity = Identity(settings, self.directory)

    def create(self, client_id: int, name: str, action: Action | None = None) -> Account:
        """Create an account. It is listed only when it is complete: its row in the directory commits last.

        Its ledger begins with `action`, which tells who did it.
        Raises Conflict if there is an account of this client id, also if it is just being created.
        """
        account = Account(client_id, name, now_ms())
        self.identity.keys(create=not self.all())
        with writing(self.directory, patient=True) as connection:
            try:
                connection.execute(insert(directory.accounts).values(asdict(account)))
            except IntegrityError:
                raise Conflict(f"There is already an account {client_id}.") from None
            self._fill(client_id, action or _CREATED)
        states.note_program(self.directory, upgrades.newest("account"))
        return account

    def _fill(self, client_id: int, action: Action) -> None:
        """Make the tables of a new account and their first rows, where an earlier try has not made them."""
        if schema := self._engines.schema(client_id):
            with self.directory.begin() as connection:
                connection.execute(CreateSchema(schema, if_not_exists=True))
        with self._engines.lent(client_id, keep=False, new=True) as engine:
            upgrades.upgrade(engine, "account", schema=schema)
            with writing(engine) as connection:
                if connection.scalar(select(account_table.c.client_id)) is None:
                    connection.execute(insert(account_table).values(**_new_account(client_id)))
                    connection.execute(insert(counters).values(name="interaction", value=0))
                    # Its log begins now: there is nothing that is older.
                    connection.execute(delete(counters).where(counters.c.name == LOG_BEGINS))
                    ledger.append(connection, action, [Entry(client_id, "Account")])

    def all(self) -> list[Account]:
        with reading(self.directory) as connection:
            rows = connection.execute(select(directory.accounts).order_by(directory.accounts.c.client_id))
            return [Account(row.client_id, row.name, row.created_at) for row in rows]

    def open(self, client_id: int) -> Archive:
        """Open an account. Raises NotFound if there is none, and AccountUnavailable if it cannot be used."""
        archive = self._opened.get(client_id)
        if archive is not None:
            self._admission.check(client_id)
            return archive
        self._check_that_there_is(client_id)
        with self._admission.lent(client_id):  # one loan, so that it is not closed after its examination
            self._admission.examine(client_id)
        with self._lock:
            if archive := self._opened.get(client_id):
                return archive
            store = open_store(self.settings, client_id)
            vault = Vault(store, self.identity.keys(), client_id)
            receipts = receipts_of(self.settings, client_id)
            archive = Archive(client_id, self._admission, store, vault, self.directory, receipts)
            self._opened[client_id] = archive
        archive.compare_receipts()
        archive.sweep_if_possible()
        return archive

    def each(self, refused: list[AccountUnavailable] | None = None) -> Iterator[Archive]:
        """Open one account after the other. Those that are refused are left out, and added to `refused`."""
        for account in self.all():
            try:
                yield self.open(account.client_id)
            except AccountUnavailable as error:
                if refused is not None:
                    refused.append(error)
            except NotFound:
                pass  # it was deleted meanwhile

    def first(self) -> Archive | None:
        """The first account that can be opened; None if there is none.

        Raises AccountUnavailable if all have tables of another version: then another program has to be run.
        """
        refused: list[AccountUnavailable] = []
        for archive in self.each(refused):
            return archive
        if refused and all(error.reason != "unusable" for error in refused):
            raise refused[0]
        return None

    def refused(self) -> list[Refused]:
        """The accounts that are not available and why, by client id, as this or another process found.

        An account that this process has open is not refused. Raises what the directory's database raises.
        """
        found = {one.client_id: one for one in states.refusals(self.directory)}
        known = {one: refused for one, refused in found.items() if one not in self._opened}
        return [refused for _, refused in sorted((known | self._admission.refused()).items())]

    @contextmanager
    def glance(self, client_id: int, allowed: Allowance | None = None) -> Iterator[Connection]:
        """Give a reading connection to an account, without opening the account if it is closed.

        The account is examined, so that what broke or was repaired since the last look is found.
        Raises AccountUnavailable.
        """
        with self._admission.lent(client_id, keep=False) as engine:
            self._admission.examine(client_id, allowed)
            with reading(engine, allowed) as connection:
                yield connection

    def upgrade(self) -> Iterator[tuple[int, str | AccountUnavailable]]:
        """Bring the tables of every account up to date: the revision that was reached, or why it failed."""
        states.note_program(self.directory, upgrades.newest("directory"), upgrades.newest("account"))
        for account in self.all():
            try:
                revision = self._upgrade(account.client_id)
            except AccountUnavailable as error:
                yield account.client_id, error
                continue
            with self._engines.lent(account.client_id, keep=False) as engine:
                self.identity.look_into(engine, account.client_id)
            yield account.client_id, revision

    def close(self) -> None:
        with self._lock:
            self._engines.close()
            self._opened.clear()
        self.directory.dispose()

    def _upgrade(self, client_id: int) -> str:
        try:
            return upgrade_account(self._engines, client_id, self._admission.program_of)
        except Unfit as unfit:
            raise AccountUnavailable(client_id, unfit) from None
        except DBAPIError as error:
            raise AccountUnavailable(client_id, of_error(error)) from None
        except Exception as error:
            log.error("account %s: its upgrade failed, and changed nothing", client_id, exc_info=error)
            failed = unusable(f"its upgrade failed, and changed nothing: {type(error).__name__}")
            raise AccountUnavailable(client_id, failed) from None

    def _check_that_there_is(self, client_id: int) -> None:
        accounts = directory.accounts
        with reading(self.directory) as connection:
            there = select(accounts.c.client_id).where(accounts.c.client_id == client_id)
            if connection.scalar(there) is None:
                raise NotFound(f"There is no account {client_id}.")


_CREATED = Action("CREATE", "", ledger.CREATE_ACCOUNT, "earwitness", "")


def _new_account(client_id: int) -> dict[str, object]:
    return {
        "client_id": client_id,
        "account_guid": str(uuid.uuid4()),
        "region": "",
        "transcription": "none",
        "default_retention": {"default": None},
    }
