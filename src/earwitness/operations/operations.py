"""What an operation of the API is, apart from HTTP: its right, its audit, what it takes and answers.

`read` and `write` make an operation of a plain function, which takes the call and, if anything is sent, one
struct, and returns the answer. The server makes a route of each operation (`http/operations.py`); commands
run the same operations without a server (`cli/calling.py`).
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Generic, Literal, TypeVar, get_type_hints

from sqlalchemy import Connection

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.accounts.accounts import Accounts, Archive
from earwitness.archive.jobs import account_jobs
from earwitness.archive.jobs.account_job_kinds import AccountJobKind
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.changed import Changed
from earwitness.archive.ledger.ledger import Action, AuditSubjects, Entry
from earwitness.kernel.errors import Problem
from earwitness.kernel.rights import Right
from earwitness.operations.signing_key import SigningKey

Method = Literal["GET", "POST", "PUT", "DELETE", "HEAD"]
Rights = Right | tuple[Right, ...]
"""The right that an operation needs, or several of which any one is enough."""

Body = TypeVar("Body")


@dataclass(frozen=True, slots=True)
class Audit:
    """How the audit log describes an operation, and which recordings the values sent name."""

    description: str
    subjects: Callable[[Any], AuditSubjects]
    metadata: Callable[[Any], dict[str, object] | None] = lambda _sent: None


@dataclass(frozen=True, slots=True)
class Call:
    """What a function is given: who calls, in which archive, and in which transaction."""

    accounts: Accounts
    signing_key: SigningKey
    archive: Archive
    viewer: Viewer
    connection: Connection
    action: Action
    id: int = 0
    """The `{id}` of the path; 0 if the path has none."""
    prepared: Any = None
    """What the operation's `prepare` returned."""
    entries: list[Entry] = field(default_factory=list)
    headers: list[int] = field(default_factory=list)
    """The header of its rows in the ledger, where it was needed early, and that of what its jobs do."""
    ordered: list[int] = field(default_factory=list)
    """The jobs that this call ordered."""

    def order(
        self,
        kind: AccountJobKind,
        what: Mapping[str, Any],
        *,
        total: int,
        job_id: int | None = None,
        is_at_once: bool = False,
    ) -> int:
        """Order a job of the account, and return its id. Its rows in the ledger have a header of their own.

        `job_id` is that of a job whose list of recordings is stored already. A job that this call does
        itself, `is_at_once`, has its rows under the header of the call.
        """
        header = self.header()
        if not is_at_once and len(self.headers) == 1:
            self.headers.append(ledger.begin_batches(self.connection, self.action, header))
        ordered = account_jobs.order(
            self.connection,
            kind,
            what,
            total=total,
            viewer=self.viewer,
            audit_header_id=header if is_at_once else self.headers[1],
            job_id=job_id,
        )
        self.ordered.append(ordered)
        return ordered

    def header(self) -> int:
        """The header of the rows of this call, for a call that writes some before it ends."""
        if not self.headers:
            self.headers.append(ledger.add_header(self.connection, self.action))
        return self.headers[0]

    @property
    def last_ordered(self) -> int | None:
        """The job that this call ordered last, if it ordered any."""
        return self.ordered[-1] if self.ordered else None

    def changed(self, entity_name: str, entity_id: int, metadata: dict[str, object] | None = None) -> None:
        """Note a change for the ledger. Its row is written in the same transaction."""
        self.entries.append(Entry(entity_id, entity_name, metadata))

    def changed_recording(
        self, interaction_id: int, metadata: dict[str, object] | None = None, changed: Changed | None = None
    ) -> None:
        """Note a change of a recording for the ledger. `changed` is what it replaced, if anything."""
        self.entries.append(Entry(interaction_id, metadata=metadata, changed=changed))


@dataclass(frozen=True, slots=True)
class Answer(Generic[Body]):
    """An answer with a status or headers besides its body. The API's documentation shows the body alone."""

    body: Body
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


PENDING_HEADER = "X-Pending"
"""The header of an answer to which something is pending: the id of the job that is not through."""


def with_pending(body: Body, job_id: int | None, *, status: int = 200) -> Answer[Body]:
    """An answer with the id of the job that is pending, if there is one."""
    return Answer(body, status, {} if job_id is None else {PENDING_HEADER: str(job_id)})


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One operation, as it is declared."""

    method: Method
    path: str
    """The path as it is documented: `/admin/user/{id}`."""
    right: Rights
    function: Callable[..., Any]
    writes: bool
    audit: Audit | None
    takes: Any
    """The type of what is sent; None if nothing is."""
    gives: Any
    """The type of the answer."""
    status: int
    slow: bool
    refuses: tuple[type[Problem], ...]
    pends: bool
    """Whether its answer can have `X-Pending`."""
    prepare: Callable[..., Any] | None
    answer: Callable[..., Any] | None
    beforehand: Callable[[Call], None] | None
    content_type: str
    """The media type of its answer, where that is a text or bytes and not JSON."""

    @property
    def is_quick(self) -> bool:
        """Whether it waits for no disk: it writes nothing, not even a row of the ledger."""
        return not (self.writes or self.audit or self.slow or self.beforehand)

    @property
    def reads_query(self) -> bool:
        """Whether what it takes is sent as a query, and not as a body."""
        return self.method in {"GET", "HEAD", "DELETE"}

    @property
    def any_of(self) -> tuple[Right, ...]:
        """The rights, any one of which is enough."""
        return self.right if isinstance(self.right, tuple) else (self.right,)

    @property
    def description(self) -> str:
        """How the audit log describes it: as its audit says, or by the first line of its docstring."""
        if self.audit:
            return self.audit.description
        return (self.function.__doc__ or self.function.__name__).strip().splitlines()[0].rstrip(".")

    def handle(self, call: Call, body: Any) -> Any:
        """Call the function."""
        return self._apply(self.function, call, body)

    def prepared(self, call: Call, body: Any) -> Call:
        """The call with what `prepare` returns, in the read of the call; as it is if there is none."""
        if self.prepare is None:
            return call
        return replace(call, prepared=self._apply(self.prepare, call, body))

    def answered(self, call: Call, body: Any, pending: int | None) -> Any:
        """What `answer` returns, with the job that is pending."""
        if self.answer is None:
            raise TypeError(f"{self.path} makes its answer itself")
        return with_pending(self._apply(self.answer, call, body), pending, status=self.status)

    def _apply(self, function: Callable[..., Any], call: Call, body: Any) -> Any:
        return function(call) if self.takes is None else function(call, body)

    def __deepcopy__(self, _memo: object) -> "Operation":
        return self  # routers copy the options of their handlers; an operation stays one and the same


Declare = Callable[[Callable[..., Any]], Operation]


def read(
    path: str,
    *,
    right: Rights,
    method: Method = "POST",
    audit: Audit | None = None,
    slow: bool = False,
    refuses: tuple[type[Problem], ...] = (),
    pends: bool = False,
    beforehand: Callable[[Call], None] | None = None,
    content_type: str = "",
) -> Declare:
    """Declare an operation that changes nothing. It runs in one read-only transaction.

    A `slow` one waits in a queue of its own, so that it delays no other. `refuses` has the problems that not
    every operation may answer with, for the documentation of the API. `beforehand` does what has to be done
    before that transaction begins, in transactions of its own. With a `content_type` it answers with a text.
    """
    return partial(
        _declare,
        method,
        path,
        right,
        writes=False,
        audit=audit,
        status=200,
        slow=slow,
        refuses=refuses,
        pends=pends,
        beforehand=beforehand,
        content_type=content_type,
    )


def write(
    path: str,
    *,
    right: Rights,
    method: Method = "POST",
    audit: Audit | None = None,
    status: int = 200,
    refuses: tuple[type[Problem], ...] = (),
    pends: bool = False,
    prepare: Callable[..., Any] | None = None,
    answer: Callable[..., Any] | None = None,
) -> Declare:
    """Declare an operation that changes something. The change and its rows in the ledger commit together.

    `prepare` takes the same as the function, and runs before it in a read: for what takes long, so that no
    other writer waits for it. The function finds what it returned in `prepared` of its call, and raises
    `OutOfDate` if that is not so any more. Operations with `pends` may answer with `X-Pending`.

    `answer` takes the same too, and makes the answer in a read after the change, for which no other writer
    waits either. Then the function returns the id of the job that is pending, or None.
    """
    return partial(
        _declare,
        method,
        path,
        right,
        writes=True,
        audit=audit,
        status=status,
        slow=False,
        refuses=refuses,
        pends=pends,
        prepare=prepare,
        answer=answer,
    )


def _declare(
    method: Method,
    path: str,
    right: Rights,
    function: Callable[..., Any],
    *,
    writes: bool,
    audit: Audit | None,
    status: int,
    slow: bool,
    refuses: tuple[type[Problem], ...],
    pends: bool,
    prepare: Callable[..., Any] | None = None,
    answer: Callable[..., Any] | None = None,
    beforehand: Callable[[Call], None] | None = None,
    content_type: str = "",
) -> Operation:
    hints = get_type_hints(function, include_extras=True)
    gives = get_type_hints(answer or function, include_extras=True)["return"]
    parameters = list(inspect.signature(function).parameters)
    takes = hints[parameters[1]] if len(parameters) > 1 else None
    return Operation(
        method,
        path,
        right,
        function,
        writes,
        audit,
        takes,
        gives,
        status,
        slow,
        refuses,
        pends,
        prepare,
        answer,
        beforehand,
        content_type,
    )
