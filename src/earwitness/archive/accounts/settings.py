"""The settings of an account. Its name is in the directory of accounts, the rest in its own database."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from sqlalchemy import Connection, select, update

from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.database.transactions import writing
from earwitness.archive.recordings.retention_changes import note_change
from earwitness.archive.schema import directory
from earwitness.archive.schema.people import account
from earwitness.kernel.errors import BadRequest, Fault
from earwitness.kernel.wire import Wire, Word

Engine = Literal["none", "faster-whisper", "pocketsphinx"]


class AccountSettings(Wire):
    """An account and its settings."""

    client_id: int
    name: str
    account_guid: str
    region: str
    forced_comments: bool
    transcription: Engine
    may_shorten_retention: bool


class AccountChange(Wire):
    """The values to change. A value that is left out stays as it is."""

    name: Word | None = None
    region: Annotated[str, Meta(max_length=64)] | None = None
    forced_comments: bool | None = None
    transcription: Engine | None = None
    may_shorten_retention: bool | None = None


def account_settings(connection: Connection, accounts: Accounts) -> AccountSettings:
    row = connection.execute(select(account)).one()
    return AccountSettings(
        client_id=row.client_id,
        name=next(one.name for one in accounts.all() if one.client_id == row.client_id),
        account_guid=row.account_guid,
        region=row.region,
        forced_comments=row.forced_comments,
        transcription=row.transcription,
        may_shorten_retention=row.may_shorten_retention,
    )


def change_account(connection: Connection, accounts: Accounts, change: AccountChange) -> None:
    """Change the values that are given. Raises BadRequest for a blank name.

    Call it last in a transaction: the directory is another database, and does not roll back with this one.
    """
    if change.name is not None and not change.name.strip():
        raise BadRequest.of(Fault("name", "expected a name"))
    sent = msgspec.structs.asdict(change)
    columns = {name: value for name, value in sent.items() if value is not None and name != "name"}
    if columns:
        connection.execute(update(account).values(columns))
    if change.may_shorten_retention is not None:
        note_change(connection)
    if change.name is not None:
        this = directory.accounts.c.client_id == connection.scalar(select(account.c.client_id))
        with writing(accounts.directory) as shared:
            shared.execute(update(directory.accounts).where(this).values(name=change.name))
