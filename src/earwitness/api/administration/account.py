"""Administration: the account, and what it is set to."""

from earwitness.archive.account_settings import (
    AccountChange,
    AccountSettings,
    account_settings,
    change_account,
)
from earwitness.http import road
from earwitness.http.given import given
from earwitness.http.road import Call
from earwitness.kernel.rights import Right


@road.read("/admin/account", method="GET", right=(Right.ACCOUNT_VIEW, Right.ACCOUNT_EDIT))
def get_account(call: Call) -> AccountSettings:
    """Get the account and its settings."""
    return account_settings(call.connection, call.installation.accounts)


@road.write("/admin/account", method="PUT", right=Right.ACCOUNT_EDIT)
def set_account(call: Call, wanted: AccountChange) -> AccountSettings:
    """Change the settings of the account."""
    call.changed("Account", call.viewer.client_id, given(wanted))
    change_account(call.connection, call.installation.accounts, wanted)
    return account_settings(call.connection, call.installation.accounts)


ROUTES = [get_account, set_account]
