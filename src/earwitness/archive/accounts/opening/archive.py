"""One account, opened."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import SQLAlchemyError

from earwitness.archive.accounts.opening.admission import Admission
from earwitness.archive.accounts.opening.log_state import LogState
from earwitness.archive.database.group_commit import GroupCommit
from earwitness.archive.database.time_limits import Allowance
from earwitness.archive.database.timeline import lock_account
from earwitness.archive.database.transactions import reading, writing
from earwitness.archive.jobs.accounts_with_work import mark_if_possible
from earwitness.archive.jobs.kinds import LEDGER
from earwitness.archive.jobs.queue import take_due
from earwitness.archive.ledger.ledger import take_logged
from earwitness.archive.ledger.touched import take_touched
from earwitness.archive.receipts.acknowledge import give, take_noted
from earwitness.archive.receipts.compare import compare_if_possible
from earwitness.archive.receipts.written import Receipts
from earwitness.archive.schema.vault import media_objects
from earwitness.kernel.errors import Problem
from earwitness.kernel.outages import tell
from earwitness.media.stores.store import Store
from earwitness.media.vault import Vault

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Archive:
    """One account: its database, which is lent to each transaction, and its vault of media."""

    client_id: int
    admission: Admission = field(repr=False)
    store: Store = field(repr=False)
    vault: Vault = field(repr=False)
    directory: Engine = field(repr=False)
    receipts: Receipts = field(repr=False)
    arrivals: GroupCommit = field(default_factory=GroupCommit, repr=False)
    """The recordings that wait to be accepted."""
    log: LogState = field(default_factory=LogState, repr=False)

    @property
    def engine(self) -> Engine:
        """The engine of this moment; it may be closed when no transaction uses it."""
        with self.admission.lent(self.client_id) as engine:
            return engine

    @contextmanager
    def read(self, allowed: Allowance | None = None, *, once: bool = False) -> Iterator[Connection]:
        """Give a connection in a read-only transaction, or for one statement. Raises AccountUnavailable."""
        with self.admission.lent(self.client_id) as engine, reading(engine, allowed, once=once) as connection:
            yield connection

    @contextmanager
    def write(
        self,
        *,
        patient: bool = False,
        locked: bool = True,
        is_durable: bool = True,
        committed: Callable[[], None] = lambda: None,
    ) -> Iterator[Connection]:
        """Give a connection in a transaction, as `writing` does. Workers are told of jobs that it queued.

        It locks the account first: what it looks up and then adds is added once, and ids are handed out in
        the order of commits. With `locked=False` it waits for no other writer on PostgreSQL: for what only
        adds rows, or locks its own. On SQLite there is one writer at a time anyway. A power failure may undo
        what is not `is_durable`. `committed` is called after the commit, before receipts are written. Raises
        AccountUnavailable.
        """
        with self.admission.lent(self.client_id) as engine:
            with writing(engine, patient=patient, is_durable=is_durable) as connection:
                # Left by a transaction that rolled back:
                take_due(connection), take_noted(connection), take_logged(connection)
                take_touched(connection)
                if locked:
                    lock_account(connection)
                yield connection
                due_at, noted = take_due(connection), take_noted(connection)
                is_logged = take_logged(connection)
            committed()
            give(engine, self.client_id, self.receipts, noted)
        if is_logged and (at := self.log.due_at()) is not None:
            due_at[LEDGER] = at
        if due_at:
            marks = mark_if_possible(self.directory, self.client_id, due_at)
            if LEDGER in due_at:
                self.log.note_marks(marks)

    def compare_receipts(self) -> None:
        """Compare the receipts with the database, if it answers."""
        with self.admission.lent(self.client_id) as engine:
            compare_if_possible(engine, self.client_id, self.receipts)

    def sweep(self) -> int:
        """Settle the uploads of dead processes: objects that the database names stay. How many did not."""
        return self.store.sweep(self._names)

    def sweep_if_possible(self) -> None:
        """The same, but if the store does not answer, leave it to the next start."""
        try:
            self.sweep()
        except (Problem, SQLAlchemyError, OSError) as error:
            tell(log.warning, error, "account %s: uploads of dead processes are left there", self.client_id)

    def _names(self, object_name: str) -> bool:
        with self.read() as connection:
            named = select(media_objects.c.id).where(media_objects.c.name == object_name)
            return connection.scalar(named) is not None
