"""A survey of all accounts: looked at if there is time, else shown as the directory has them."""

from collections.abc import Iterator

import pytest
from sqlalchemy import update

from earwitness.archive.access.usernames import exact_key
from earwitness.archive.access.users import add_user
from earwitness.archive.accounts import states
from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.schema.people import users
from earwitness.archive.upkeep.survey import Surveyed, survey
from earwitness.kernel.clock import now_ms
from earwitness.kernel.settings import Settings
from earwitness.workers.account_rotation import AccountRotation
from tests.firm import CLIENT_ID

OTHERS = (42, 43)


@pytest.fixture
def accounts(settings: Settings) -> Iterator[Accounts]:
    accounts = Accounts(settings)
    for client_id in OTHERS:
        accounts.create(client_id, f"Firm {client_id}")
    yield accounts
    accounts.close()


def seen(accounts: Accounts, seconds: float | None = None) -> dict[int, Surveyed]:
    found = survey(accounts, accounts.all(), seconds=seconds)
    return {one.account.client_id: one for one in found}


def test_an_account_that_nobody_looked_at_is_shown_as_unseen(accounts: Accounts) -> None:
    found = seen(accounts, 0)
    assert list(found) == [*OTHERS, CLIENT_ID]
    assert {(one.overview, one.looked_at, one.refused) for one in found.values()} == {(None, None, None)}


def test_an_overview_is_kept_with_its_time_and_shown_when_there_is_no_time_to_look(
    accounts: Accounts,
) -> None:
    began = now_ms()
    fresh = seen(accounts)
    assert all(one.overview and one.overview["recordings"] == 0 for one in fresh.values())
    kept = seen(accounts, 0)
    for client_id, one in kept.items():
        assert one.overview == fresh[client_id].overview | {  # type: ignore[operator]
            "endpointsLost": None,
            "usersThatLookAlike": None,
        }
        assert began <= (one.looked_at or 0) <= now_ms()


def test_a_worker_that_goes_round_keeps_what_it_sees(accounts: Accounts) -> None:
    turns = AccountRotation(accounts, "worker")
    turns.look_into(CLIENT_ID)
    found = seen(accounts, 0)
    assert [client_id for client_id, one in found.items() if one.overview] == [CLIENT_ID]
    at = found[CLIENT_ID].looked_at
    turns.look_into(CLIENT_ID)  # another worker just looked into it
    assert seen(accounts, 0)[CLIENT_ID].looked_at == at


def test_no_name_of_an_account_is_kept_outside_it(accounts: Accounts) -> None:
    with accounts.open(CLIENT_ID).write() as connection:
        for made, name in (("jane", "jane"), ("other", "ｊane")):
            this = users.c.id == add_user(connection, made, [])
            alike = {"username": name, "username_folded": exact_key(name)}
            connection.execute(update(users).where(this).values(alike))
    fresh = seen(accounts)[CLIENT_ID].overview
    assert fresh is not None
    assert "jane" in str(fresh)
    kept = states.states(accounts.directory)[CLIENT_ID].overview
    assert kept is not None
    assert "jane" not in str(kept)
    assert kept["usersThatLookAlikeCount"] == 1
