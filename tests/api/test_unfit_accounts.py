"""An account that is damaged, or whose machine is down, is refused until repaired; others are served."""

from dataclasses import replace
from typing import Any

import pytest
from httpx2 import Response

from earwitness.archive.accounts.accounts import Accounts
from earwitness.kernel.settings import Settings
from tests.firm import Firm, tone
from tests.unfit import OTHER, damage, each_damage, with_another_account
from tests.waiting import until


def sign_in(firm: Firm, credentials: dict[str, Any]) -> Response:
    return firm.client.post("/api/authWithApiKey", json=credentials)


def accounts_of(firm: Firm) -> Accounts:
    accounts: Accounts = firm.app.state.installation.accounts
    return accounts


@each_damage
def test_a_server_starts_with_a_damaged_account_and_refuses_it_until_it_is_mended(
    settings: Settings, kind: str
) -> None:
    served, credentials = with_another_account(settings)
    mend, said = damage(served, kind)
    with Firm(replace(served, metrics_token="watcher")) as firm:
        refused = sign_in(firm, credentials)
        assert (refused.status_code, refused.json()["code"]) == (503, "account-unavailable")
        assert int(refused.headers["retry-after"]) >= 1
        assert said not in refused.text
        assert firm.search() == []
        firm.ingest(tone(0.1))
        assert firm.client.get("/readyz").status_code == 200
        metrics = firm.client.get("/metrics", headers={"Authorization": "Bearer watcher"}).text
        assert "earwitness_recordings_received 1.0" in metrics
        [told] = accounts_of(firm).refused()
        assert told.client_id == OTHER
        assert told.sentence.startswith(f"Account {OTHER} ")
        assert said in told.sentence
        mend()
        until(lambda: sign_in(firm, credentials).status_code == 200, "its users sign in again")
        assert accounts_of(firm).refused() == []


IN_USE = [
    *(("sqlite", kind) for kind in ("not there", "a folder")),
    *(("postgresql", kind) for kind in ("another name", "no right to it", "another machine does not answer")),
]


@pytest.mark.parametrize(("settings", "kind"), IN_USE, indirect=["settings"])
def test_an_account_that_is_damaged_in_use_is_refused_until_it_is_mended(
    settings: Settings, kind: str
) -> None:
    served, credentials = with_another_account(settings)
    with Firm(served) as firm:
        token = sign_in(firm, credentials).json()["token"]

        def asked() -> Response:
            authorization = {"Authorization": f"Bearer {token}"}
            return firm.client.post("/api/client/recording.search", json={}, headers=authorization)

        assert asked().status_code == 200
        mend, said = damage(served, kind)
        until(lambda: sign_in(firm, credentials).status_code == 503, "it is found to be damaged")
        refused = asked()
        assert (refused.status_code, refused.json()["code"]) == (503, "account-unavailable")
        assert said in accounts_of(firm).refused()[0].sentence
        assert firm.search() == []
        mend()
        until(lambda: asked().status_code == 200, "its token is good again")


def test_a_wrong_secret_is_refused_as_usual(settings: Settings) -> None:
    served, credentials = with_another_account(settings)
    with Firm(served) as firm:
        assert sign_in(firm, credentials | {"apiKey": "wrong"}).status_code == 401
        assert sign_in(firm, credentials | {"clientId": OTHER + 1}).status_code == 401
        assert accounts_of(firm).refused() == []


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_a_server_is_ready_though_the_first_of_its_accounts_is_damaged(settings: Settings) -> None:
    accounts = Accounts(settings)
    accounts.create(1, "The first firm")
    accounts.close()
    (settings.data / "accounts" / "1" / "archive.db").unlink()
    with Firm(settings) as firm:
        assert firm.client.get("/readyz").status_code == 200
        assert [one.client_id for one in accounts_of(firm).refused()] == [1]
