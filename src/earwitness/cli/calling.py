"""The API's calls at the command line: made by the operator, who may do and see everything."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from litestar.handlers import HTTPRouteHandler

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.ledger import ledger
from earwitness.cli.operator import action
from earwitness.cli.output import opened
from earwitness.http import decode
from earwitness.http.installation import Installation
from earwitness.http.monitoring.metrics import Metrics
from earwitness.http.operations import Answer, Call, Route
from earwitness.http.tokens import Tokens
from earwitness.kernel.rights import Right
from earwitness.kernel.strict_json import MAX_INTEGER

Id = Annotated[int, typer.Argument(metavar="ID", min=1, max=MAX_INTEGER, help="As `list` shows it.")]
InteractionId = Annotated[int, typer.Argument(metavar="INTERACTION_ID", min=1, max=MAX_INTEGER)]


def make(
    client_id: int,
    command: str,
    handler: HTTPRouteHandler,
    wanted: dict[str, Any] | Callable[[Call], Any] | None = None,
    *,
    id_: int = 0,
    as_json: bool,
) -> Any:
    """Make a call of an account's API, and answer its body.

    `wanted` is what would be sent; or makes, of the call, what its handler takes. The ledger has it as
    the command.
    """
    with opened(as_json) as accounts:
        return _make(accounts, client_id, command, handler, wanted, id_)


@contextmanager
def called(
    accounts: Accounts, client_id: int, command: str, handler: HTTPRouteHandler, id_: int = 0
) -> Iterator[Call]:
    """Give a call of an account's API, in its transaction, to be handled."""
    settings, route = accounts.settings, handler.opt["route"]
    installation = Installation(settings, accounts, Tokens(settings), Metrics(accounts))
    archive, by = accounts.open(client_id), action(command, route.description)
    with archive.write() if route.writes else archive.read() as connection:
        yield Call(installation, archive, operator(client_id), connection, by, id_)


def _make(
    accounts: Accounts, client_id: int, command: str, handler: HTTPRouteHandler, wanted: Any, id_: int
) -> Any:
    route: Route = handler.opt["route"]
    sent = wanted if isinstance(wanted, dict) else {}
    with called(accounts, client_id, command, handler, id_) as call:
        answer = route.handle(call, wanted(call) if callable(wanted) else decode.take(route.takes, sent))
        if route.writes:
            ledger.append(call.connection, call.action, call.entries)
    if route.audit and not route.writes:
        with call.archive.write(locked=False) as connection:  # it only adds rows to the ledger
            ledger.append_access(connection, call.action, call.viewer, route.audit.names(sent), route.status)
    return answer.body if isinstance(answer, Answer) else answer


def operator(client_id: int) -> Viewer:
    return Viewer(client_id, 0, "operator", "operator", None, frozenset(Right), (), "")


def pairs(given: Sequence[str] | None, option: str) -> list[tuple[str, str]]:
    """Options that are written `NAME=VALUE`."""
    parted = [one.partition("=") for one in given or []]
    for name, sign, value in parted:
        if not (name and sign and value):
            raise typer.BadParameter(f"{name}{sign}{value} is not NAME=VALUE.", param_hint=option)
    return [(name, value) for name, _, value in parted]


def identity(given: str) -> int | str | None:
    """An id, or `none`; what is neither is refused as the API refuses it."""
    return None if given == "none" else decode.number_or_text(given)
