"""What a proof tells a viewer who may not see all recordings."""

from base64 import b64decode
from typing import Any

import pytest
from sqlalchemy import select

from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Action, Entry
from earwitness.archive.schema.work import audit_headers
from earwitness.kernel.rights import Right
from tests.firm import ADMIN, Firm

LIMITED = "limited@example.com"
ACTION = Action("CLI", "earwitness test", "Look at recordings", "operator:test", "192.0.2.7")


@pytest.fixture
def limited(firm: Firm) -> Firm:
    """A firm with a user who sees the recordings of one desk."""
    rights: list[Right] = [right for right in Right if right is not Right.RECORDING_PRIVATE_VIEW]
    user = firm.add_user(LIMITED, rights)
    firm.post("/admin/accessPolicy", {"name": "FX", "dataGroups": {"Desk": ["FX"]}})
    firm.call("PUT", f"/admin/user/{user}", {"policies": ["FX"]})
    return firm


def looked_at(firm: Firm, *recordings: int) -> int:
    """An action on some recordings. Returns its id in the audit log."""
    with firm.archive.write() as connection:
        ledger.append(connection, ACTION, [Entry(one) for one in recordings])
        last = select(audit_headers.c.id).order_by(audit_headers.c.id.desc()).limit(1)
        return int(connection.scalars(last).one())


def proof(firm: Firm, header: int, as_user: str, **more: Any) -> Any:
    return firm.call("POST", "/ledger/proof", {"auditHeaderId": header, **more}, as_user=as_user)


@pytest.mark.parametrize("hidden", [{"dataGroups": {"Desk": "Rates"}}, {"isPrivate": True}])
def test_an_action_on_hidden_recordings_alone_is_not_there(limited: Firm, hidden: dict[str, Any]) -> None:
    header = looked_at(limited, limited.ingest(**{"dataGroups": {"Desk": "FX"}, **hidden}))
    answer = proof(limited, header, LIMITED)
    unknown = proof(limited, 900_000, LIMITED)
    assert (answer.status_code, unknown.status_code) == (404, 404)
    assert answer.json()["detail"] == unknown.json()["detail"].replace("900000", str(header))


def test_hidden_recordings_take_no_place_in_the_pages_of_an_action(limited: Firm) -> None:
    desks = ("Rates", "FX", "Rates", "FX")
    ids = [
        limited.ingest(thirdPartyId=f"call-{number}", dataGroups={"Desk": desk})
        for number, desk in enumerate(desks)
    ]
    header = looked_at(limited, *ids)
    pages = [proof(limited, header, LIMITED, page=page, pageSize=1) for page in (1, 2, 3)]
    assert [one.headers["X-Total-Count"] for one in pages] == ["2"] * 3
    rows = [[b64decode(row["row"]).decode() for row in one.json()[0]["rows"]] for one in pages]
    assert [f'"id":{ids[at]},' in page[0] for at, page in zip((1, 3), rows[:2], strict=True)] == [True, True]
    assert rows[2] == []


def test_a_destroyed_recording_stays_proven_to_those_who_see_all(limited: Firm) -> None:
    header = looked_at(limited, 77_000)
    assert len(proof(limited, header, ADMIN).json()[0]["rows"]) == 1
    assert proof(limited, header, LIMITED).status_code == 404
