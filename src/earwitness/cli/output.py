"""The output of commands: text, or with `--json` one JSON value and nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import msgspec
import typer
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.accounts.opening.unfit import AccountUnavailable
from earwitness.archive.database.errors import as_problem, cause_of, meaning_of
from earwitness.kernel.confinement.privileges import keep_memory_private
from earwitness.kernel.errors import Problem
from earwitness.kernel.logs import log_outages, log_to_stderr
from earwitness.kernel.settings import SettingError, Settings
from earwitness.kernel.strict_json import MAX_INTEGER
from earwitness.kernel.system.processes import dump_no_core
from earwitness.media.differing import Differs
from earwitness.media.keys.key_ring import KeysMissing, KeysUnusable

AsJson = Annotated[bool, typer.Option("--json", help="Print only JSON.")]
ClientId = Annotated[
    int, typer.Argument(metavar="CLIENT_ID", min=1, max=MAX_INTEGER, help="The account's client id.")
]

if TYPE_CHECKING:
    from rich.console import Console


@cache
def _console(*, stderr: bool = False) -> "Console":
    """Make a console. It prints names and ids, so `[b]` and `:phone:` stay as they are."""
    from rich.console import Console  # imported here, since --json does not need it

    return Console(stderr=stderr, highlight=False, soft_wrap=True, markup=False, emoji=False)


def say(text: str) -> None:
    _console().print(text)


def warn(text: str) -> None:
    """Print a sentence beside the output, which may be JSON."""
    _console(stderr=True).print(text)


def tell_json(value: Any) -> None:
    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def show_table(rows: list[dict[str, Any]], columns: dict[str, str]) -> None:
    """Print rows as a table; `columns` maps keys to headings."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in columns.values():
        table.add_column(heading, overflow="fold")  # names and times are shown whole
    for row in rows:
        table.add_row(*("" if row[key] is None else str(row[key]) for key in columns))
    _console().print(table)


def fail(message: str, *, as_json: bool = False) -> NoReturn:
    """Print an error, and end with exit code 1."""
    if as_json:
        tell_json({"error": message})
    else:
        _console(stderr=True).print(f"earwitness: {message}")
    raise typer.Exit(1)


@contextmanager
def opened(as_json: bool = False, *, upgrading: bool = False) -> Iterator[Accounts]:
    """Open the accounts of this installation. An error in the block is printed, and ends the command."""
    dump_no_core()
    keep_memory_private()
    try:
        settings = Settings.from_environment()
        log_to_stderr("ERROR" if settings.log_level == "INFO" else settings.log_level)
        log_outages(False)
        accounts = Accounts(settings, upgrading=upgrading)
        try:
            yield accounts
        finally:
            accounts.close()
    except Differs as error:
        fail(error.for_operators, as_json=as_json)
    except AccountUnavailable as error:
        fail(error.sentence, as_json=as_json)
    except Problem as error:
        fail(error.with_cause, as_json=as_json)
    except (DBAPIError, PoolTimeout) as error:
        fail(_database_error_in_words(error), as_json=as_json)
    except (SettingError, KeysMissing, KeysUnusable) as error:
        fail(str(error), as_json=as_json)
    except OSError as error:
        said = [str(part) for part in (error.filename, error.strerror) if part]
        fail(": ".join(said) or type(error).__name__, as_json=as_json)
    finally:
        log_outages(True)


def _database_error_in_words(error: Exception) -> str:
    """The text of a database error for the operator."""
    if meaning_of(error) == "refused":
        return f"The database refused a statement ({cause_of(error)})."
    return as_problem(error).with_cause
