"""Administration: the account, and what it is set to."""

from earwitness.archive.accounts.settings import (
    AccountChange,
    AccountSettings,
    account_settings,
    change_account,
)
from earwitness.kernel.rights import Right
from earwitness.operations import operations
from earwitness.operations.changed_fields import changed_fields
from earwitness.operations.operations import Call


@operations.read("/admin/account", method="GET", right=(Right.ACCOUNT_VIEW, Right.ACCOUNT_EDIT))
def get_account(call: Call) -> AccountSettings:
    """Get the account and its settings."""
    return account_settings(call.connection, call.accounts)


@operations.write("/admin/account", method="PUT", right=Right.ACCOUNT_EDIT)
def set_account(call: Call, body: AccountChange) -> AccountSettings:
    """Change the settings of the account."""
    call.changed("Account", call.viewer.client_id, changed_fields(body))
    change_account(call.connection, call.accounts, body)
    return account_settings(call.connection, call.accounts)


ROUTES = [get_account, set_account]
