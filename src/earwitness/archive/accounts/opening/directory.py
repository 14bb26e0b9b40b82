"""Opens the directory of accounts, and makes it if there is none. Tables of another version are refused."""

from typing import TYPE_CHECKING

from sqlalchemy import Engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from earwitness.archive.accounts import states
from earwitness.archive.accounts.opening.examination import check_version
from earwitness.archive.accounts.opening.unfit import (
    DirectoryUnavailable,
    PostgresTooOld,
    Unfit,
    of_error,
    unusable,
)
from earwitness.archive.database import upgrades
from earwitness.archive.database.engines import postgres_engine, sqlite_engine
from earwitness.archive.database.errors import may_be_of_account
from earwitness.archive.database.transactions import reading
from earwitness.kernel.settings import Settings

if TYPE_CHECKING:
    from psycopg import Connection as PostgresConnection

OLDEST_POSTGRES = 16


def open_directory(settings: Settings, *, upgrading: bool = False) -> Engine:
    """Open the directory. The first command of an installation makes it.

    Older tables are upgraded only if `upgrading`: an older program may still be using them.
    Raises DirectoryUnavailable, PostgresTooOld, SettingError, and what the database raises.
    """
    if settings.database_url:
        engine = postgres_engine(settings.database_url)
        event.listen(engine, "connect", _check_postgres)
    else:
        _check_that_none_is_lost(settings)
        engine = sqlite_engine(settings.data / "directory.db")
    try:
        _bring_up(engine, upgrading=upgrading)
    except Unfit as unfit:
        engine.dispose()
        raise DirectoryUnavailable(unfit) from None
    except DBAPIError as error:
        engine.dispose()
        if may_be_of_account(error):
            raise DirectoryUnavailable(of_error(error)) from None
        raise
    return engine


def _bring_up(engine: Engine, *, upgrading: bool) -> None:
    """Make or upgrade the tables, or check that they are of this version. Raises Unfit."""
    with reading(engine) as connection:
        revision = upgrades.revision_of(connection, None)
    if revision is not None and not (
        upgrading and upgrades.version_of_tables(revision, "directory") == "older"
    ):
        check_version(revision, "directory", lambda newer: _program_of(engine, newer))
        return
    upgrades.upgrade(engine, "directory")
    if revision is None:
        states.note_program(engine, upgrades.newest("directory"), upgrades.newest("account"))


def _program_of(engine: Engine, revision: str) -> str | None:
    try:
        return states.program_of(engine, revision)
    except SQLAlchemyError:  # newer tables may have other columns
        return None


def _check_that_none_is_lost(settings: Settings) -> None:
    """Refuse to make a new directory where there are accounts: they would silently seem to be gone."""
    is_there = (settings.data / "directory.db").exists()
    if not is_there and any((settings.data / "accounts").glob("*/archive.db")):
        raise DirectoryUnavailable(unusable("directory.db is missing, and there are accounts"))


def _check_postgres(connection: "PostgresConnection", _entry: ConnectionPoolEntry) -> None:
    version = connection.info.server_version
    if version < OLDEST_POSTGRES * 10_000:
        connection.close()
        raise PostgresTooOld(
            f"The database is PostgreSQL {version // 10_000}.{version % 10_000}: "
            f"version {OLDEST_POSTGRES} or a newer one is needed."
        )
