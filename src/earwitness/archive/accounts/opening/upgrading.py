"""Upgrades the tables of one account."""

from earwitness.archive.accounts.opening.engine_pools import Engines
from earwitness.archive.accounts.opening.examination import (
    ProgramOf,
    check_that_there_are_tables,
    check_version,
)
from earwitness.archive.database import upgrades
from earwitness.archive.database.transactions import reading


def upgrade_account(engines: Engines, client_id: int, program_of: ProgramOf) -> str:
    """Run the migrations that are missing, and name the revision reached.

    Raises Unfit if there are no tables, since new ones would hide that they are lost, and if they are newer.
    """
    schema = engines.schema(client_id)
    with engines.lent(client_id, keep=False) as engine:
        with reading(engine) as connection:
            check_that_there_are_tables(connection, schema)
            revision = upgrades.revision_of(connection, schema) or ""
        if upgrades.version_of_tables(revision, "account") != "older":
            check_version(revision, "account", program_of)
        return upgrades.upgrade(engine, "account", schema=schema)
