"""Runs operations of the API from the command line, for the operator, who may do and see everything."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.accounts.accounts import Accounts
from earwitness.cli.operator import action
from earwitness.cli.output import opened, warn
from earwitness.kernel.rights import Right
from earwitness.kernel.strict_json import MAX_INTEGER
from earwitness.operations.decode import decode, number_or_text
from earwitness.operations.operations import PENDING_HEADER, Answer, Call, Operation
from earwitness.operations.running import change, read, record_audit, run
from earwitness.operations.signing_key import SigningKey

Id = Annotated[int, typer.Argument(metavar="ID", min=1, max=MAX_INTEGER, help="As `list` shows it.")]
InteractionId = Annotated[int, typer.Argument(metavar="INTERACTION_ID", min=1, max=MAX_INTEGER)]

Sent = dict[str, Any]


def make(
    client_id: int,
    command: str,
    operation: Operation,
    body: Sent | Callable[[Call], Any] | None = None,
    *,
    id_: int = 0,
    as_json: bool,
) -> Any:
    """Open the installation, run an operation of an account, and return the body of its answer.

    `body` has the values that a client would send, or is a function that makes the argument of the operation
    from its call. The audit log shows the command. A job that is pending is named on the standard error.
    """
    with opened(as_json) as accounts:
        answer = _answer(accounts, client_id, command, operation, body, id_)
    if not isinstance(answer, Answer):
        return answer
    if job_id := answer.headers.get(PENDING_HEADER):
        warn_of_pending(client_id, int(job_id))
    return answer.body


def warn_of_pending(client_id: int, job_id: int) -> None:
    """Name a job that is pending, on the standard error."""
    warn(
        f"Job {job_id} of the account is not through: "
        f"`earwitness jobs list {client_id}` says how far it has come."
    )


def make_in(
    accounts: Accounts,
    client_id: int,
    command: str,
    operation: Operation,
    body: Sent | Callable[[Call], Any] | None = None,
    id_: int = 0,
) -> Any:
    """Run an operation of an account, as `make` does, in an installation that is open."""
    answer = _answer(accounts, client_id, command, operation, body, id_)
    return answer.body if isinstance(answer, Answer) else answer


def _answer(
    accounts: Accounts,
    client_id: int,
    command: str,
    operation: Operation,
    body: Sent | Callable[[Call], Any] | None,
    id_: int,
) -> Any:
    sent = body if isinstance(body, dict) else {}
    with called(accounts, client_id, command, operation, id_) as call:
        decoded = body if callable(body) else decode(operation, sent)
        call = operation.prepared(call, decoded)
        body_of = decoded(call) if callable(decoded) and not operation.writes else decoded
        if not (operation.writes or operation.beforehand):
            answer = run(operation, call, body_of)
    if operation.writes:
        answer = change(operation, call, decoded)
    else:
        if operation.beforehand:
            answer = read(operation, call, body_of)
        record_audit(operation, call.archive, call.action, call.viewer, sent, operation.status)
    return answer


@contextmanager
def called(
    accounts: Accounts, client_id: int, command: str, operation: Operation, id_: int = 0
) -> Iterator[Call]:
    """Begin a read, and yield the call for the function of an operation."""
    archive, by = accounts.open(client_id), action(command, operation.description)
    with archive.read() as connection:
        signing_key = SigningKey(accounts.settings)
        yield Call(accounts, signing_key, archive, operator(client_id), connection, by, id_)


def operator(client_id: int) -> Viewer:
    """The operator as the viewer of an account, with every right and without access policies."""
    return Viewer(client_id, 0, "operator", "operator", None, frozenset(Right), (), "")


def pairs(given: Sequence[str] | None, option: str) -> list[tuple[str, str]]:
    """Read options that are written `NAME=VALUE`."""
    parted = [one.partition("=") for one in given or []]
    for name, sign, value in parted:
        if not (name and sign and value):
            raise typer.BadParameter(f"{name}{sign}{value} is not NAME=VALUE.", param_hint=option)
    return [(name, value) for name, _, value in parted]


def identity(given: str) -> int | str | None:
    """An id, or None for `none`. Other text is passed on, so that the API refuses it."""
    return None if given == "none" else number_or_text(given)
