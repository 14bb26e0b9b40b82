"""An upgrade merges endpoints that are the same, and takes withheld ones from their owners."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.work import audit_headers, audit_rows
from earwitness.kernel.clock import now_ms, parse_ms
from earwitness.kernel.rights import Right
from earwitness.kernel.settings import Settings
from tests.firm import endpoint
from tests.old_archives import OldTables


def as_before(kind: str, value: str) -> tuple[str, str]:
    """How endpoints were shown and compared before: by their ASCII digits, or without case."""
    bare = re.sub(r"[\s().\-/]", "", value).removeprefix("+")
    if kind == "phone" and bare.isascii() and bare.isdigit():
        digits = bare.removeprefix("00") or bare
        return digits, digits
    return value.strip(), value.strip().casefold()


DESK = "447896000001"


class Older:
    """An archive as the earlier program wrote it. Endpoints and people are made when they are named."""

    def __init__(self, tables: OldTables) -> None:
        self.tables = tables
        self.person = tables.person
        self._desk: int | None = None

    def endpoint(self, value: str, kind: str = "phone", **others: Any) -> int:
        return self.tables.endpoint(kind, *as_before(kind, value), **others)

    def call(self, name: str, endpoint_id: int, person_id: int | None = None, hour: int = 10) -> None:
        """A call between the desk and an endpoint. Makes the desk, too."""
        if self._desk is None:
            self._desk = self.endpoint(DESK)
        position = self.tables.recording(name, started_at=parse_ms(f"2026-05-12T{hour}:30:00Z"))
        self.tables.took_part(position, 0, self._desk)
        self.tables.took_part(position, 1, endpoint_id, person_id=person_id, is_originator=True)

    def upgrade(self) -> None:
        """Upgrade the account and serve it as `firm`."""
        self.firm = self.tables.upgrade()

    def shown(self, endpoint_id: int) -> dict[str, Any] | None:
        listed = self.firm.get("/admin/endpoint", pageSize=1000)
        return next((one for one in listed if one["id"] == endpoint_id), None)

    def persons(self) -> dict[str, int | None]:
        page = self.firm.post("/client/recording.search", {})
        return {one["thirdPartyId"]: one["endpoints"][1]["person"]["id"] for one in page["recordings"]}


@pytest.fixture
def older(old_tables: OldTables) -> Older:
    return Older(old_tables)


@pytest.fixture
def settings(old_tables: OldTables) -> Settings:
    """Commands are run on the older installation."""
    return old_tables.settings


def test_spellings_of_a_number_become_the_endpoint_of_the_lowest_id(older: Older) -> None:
    first = older.endpoint("tel:+44-20-7946-0018")
    plain = older.endpoint("442079460018")
    third = older.endpoint("\u202a+44 20 7946 0018\u202c", is_private=True, metadata={"label": "Claims"})
    other = older.endpoint("442079460019")
    for name, id_ in (("one", first), ("two", plain), ("three", third), ("other", other)):
        older.call(name, id_)
    older.upgrade()
    shown = older.shown(first)
    assert shown is not None
    assert (shown["endpoint"], shown["isPrivate"]) == ("442079460018", True)
    assert shown["metadata"] == {"label": "Claims"}
    assert older.shown(plain) is older.shown(third) is None
    firm = older.firm
    for id_ in (first, plain, third):
        assert set(firm.search(endpointIds={"include": [id_]})) == {"one", "two", "three"}
        assert firm.search(endpointIds={"exclude": [id_]}) == ["other"]
        [desk] = firm.post("/client/people/endpoint/get", [{"type": "phone", "endpoint": DESK}])
        between = {"first": {"endpointIds": [desk["id"]]}, "second": {"endpointIds": [id_]}}
        assert set(firm.search(communicationsBetween=between)) == {"one", "two", "three"}
    firm.ingest(thirdPartyId="new", endpoints=[endpoint("+44 (0)20 7946 0018", subject=True)])
    assert "new" in firm.search(endpointIds={"include": [plain]}, isPrivate=True)


def test_recordings_keep_their_privacy_and_their_persons(older: Older) -> None:
    jane = older.person("Jane")
    first = older.endpoint("442079460018", owned_by_person_id=jane)
    second = older.endpoint("tel:+442079460018", is_private=True)
    older.call("of jane", first, jane)
    older.call("of nobody", second)
    older.upgrade()
    assert older.persons() == {"of jane": jane, "of nobody": None}
    assert older.firm.search(isPrivate=True) == []
    older.firm.add_user("jane", [Right.RECORDING_VIEW], person_id=jane)
    shown = older.shown(first)
    assert shown is not None
    assert (shown["ownedByPersonId"], shown["isPrivate"]) == (jane, True)


def test_of_two_owners_the_one_with_more_recordings_stays_and_the_other_is_named(
    older: Older, tell: Callable[..., Any]
) -> None:
    jane, mark = older.person("Jane"), older.person("Mark")
    first = older.endpoint("442079460018", owned_by_person_id=jane)
    second = older.endpoint("sip:+442079460018@sbc.example;user=phone", owned_by_person_id=mark)
    older.call("of jane", first, jane)
    older.call("of mark", second, mark)
    older.call("of mark too", second, mark)
    older.upgrade()
    shown = older.shown(first)
    assert shown is not None
    assert shown["ownedByPersonId"] == mark
    assert older.persons() == {"of jane": jane, "of mark": mark, "of mark too": mark}
    [account] = tell("status")["accounts"]
    lost = {"endpointId": first, "endpoint": "442079460018", "personId": jane, "fullName": "Jane"}
    assert account["endpointsLost"] == [lost | {"ownedByPersonId": mark}]
    [changed] = tell("endpoints", "changed", "1234567")["changed"]
    assert (changed["id"], changed["ownedByPersonId"]) == (first, mark)
    assert changed["ownersLost"] == [{"personId": jane, "endpointId": first}]
    assert [one["id"] for one in changed["was"]] == [first, second]
    assert (
        older.firm.call("PUT", f"/admin/endpoint/{second}", {"ownedByPersonId": mark}).json()["id"] == first
    )
    assert tell("status")["accounts"][0]["endpointsLost"] == []


def test_withheld_endpoints_become_nobodys(older: Older, tell: Callable[..., Any]) -> None:
    jane, mark = older.person("Jane"), older.person("Mark")
    anonymous = older.endpoint("Anonymous", owned_by_person_id=jane)
    unknown = older.endpoint("unknown", owned_by_person_id=mark)
    withheld = older.endpoint("withheld")
    teams = older.endpoint("unknown", "teamsUserId", owned_by_person_id=jane)
    older.call("jane late", anonymous, jane, hour=15)
    older.call("jane named", anonymous, jane, hour=11)
    older.call("jane later", anonymous, jane, hour=14)
    older.call("mark beside", anonymous, mark, hour=13)
    older.call("mark named", unknown, mark, hour=12)
    older.call("nobody", withheld)
    older.call("teams", teams, jane)
    older.upgrade()
    assert older.persons() == {
        "jane late": None,
        "jane named": jane,
        "jane later": None,
        "mark beside": mark,
        "mark named": mark,
        "nobody": None,
        "teams": jane,
    }
    assert older.shown(unknown) is older.shown(withheld) is None
    for id_, calls in ((anonymous, 6), (teams, 1)):
        shown = older.shown(id_)
        assert shown is not None
        assert (shown["endpoint"], shown["ownedByPersonId"]) == ("withheld", None)
        assert len(older.firm.search(endpointIds={"include": [id_]})) == calls
    changed = {one["id"]: one for one in tell("endpoints", "changed", "1234567")["changed"]}
    assert changed[anonymous]["takenOff"] == [
        {"personId": jane, "recordings": 2},
        {"personId": mark, "recordings": 0},
    ]
    assert changed[teams]["takenOff"] == [{"personId": jane, "recordings": 0}]
    assert tell("status")["accounts"][0]["endpointsLost"] == []


def test_all_of_it_is_one_action_of_the_ledger_and_each_recording_has_its_row(older: Older) -> None:
    jane = older.person("Jane")
    anonymous = older.endpoint("anonymous", owned_by_person_id=jane)
    older.call("named", anonymous, jane, hour=10)
    older.call("stranger", anonymous, jane, hour=11)
    older.endpoint("442079460018")
    older.endpoint("+44\u201120\u20117946\u20110018")
    older.upgrade()
    about = "Endpoints that are the same became one"
    with older.firm.archive.read() as connection:
        found = connection.execute(
            select(audit_rows.c.audit_header_id, audit_rows.c.entity_name, audit_rows.c.metadata)
            .join(audit_headers, audit_headers.c.id == audit_rows.c.audit_header_id)
            .where(audit_headers.c.description == about)
        ).all()
        stranger = connection.scalar(
            select(recordings.c.interaction_id).where(recordings.c.third_party_id == "stranger")
        )
    assert len({row.audit_header_id for row in found}) == 1
    assert sorted(row.entity_name for row in found) == ["Endpoint", "Endpoint", "Recording"]
    told = older.firm.post("/client/recording/audit", {"recordingId": stranger})
    assert about in str(told)


def test_a_value_that_another_endpoint_had_is_free_for_the_next(older: Older) -> None:
    """The new value of one endpoint may be the old value of another, which is still a different one."""
    bracketed = older.endpoint("Alice <sip:alice@example.com>")
    plain = older.endpoint("sip:alice@example.com;transport=udp")
    mail = older.endpoint("jo\u200bse@example.com", "email")
    same = older.endpoint("JOSE@example.com", "email")
    older.upgrade()
    assert older.shown(plain) is older.shown(same) is None
    kept = [older.shown(one) for one in (bracketed, mail)]
    assert [one and one["endpoint"] for one in kept] == ["Alice <sip:alice@example.com>", "jose@example.com"]


def test_live_calls_go_on_at_the_endpoint_that_stays(older: Older) -> None:
    first, second = older.endpoint("442079460018"), older.endpoint("tel:+442079460018")
    older.tables.insert("inflight_calls", third_party_id="live", endpoint_id=second, started_at=now_ms())
    older.upgrade()
    shown = older.shown(first)
    assert shown is not None
    assert shown["inflightCall"]["thirdPartyId"] == "live"


def test_without_endpoints_none_is_changed(older: Older, run: Callable[..., Any]) -> None:
    older.upgrade()
    assert "No endpoint was changed." in run("endpoints", "changed", "1234567").stdout


def test_nothing_changes_if_no_endpoints_are_the_same(older: Older, tell: Callable[..., Any]) -> None:
    older.call("plain", older.endpoint("442079460018"))
    older.endpoint("4402079460018")
    older.upgrade()
    told = tell("endpoints", "changed", "1234567")
    assert told["changed"] == []
    assert [(one["endpoint"], one["otherEndpoint"]) for one in told["alike"]] == [
        ("4402079460018", "442079460018")
    ]


def test_an_old_id_can_be_deleted_with_what_it_names(older: Older) -> None:
    first, second = older.endpoint("442079460018"), older.endpoint("tel:+442079460018")
    older.upgrade()
    assert older.firm.call("DELETE", f"/admin/endpoint/{second}").json() == {"id": first}
    assert older.firm.call("PUT", f"/admin/endpoint/{second}", {}).status_code == 404


def test_changes_are_printed_without_json_too(older: Older, run: Callable[..., Any]) -> None:
    jane, mark = older.person("Jane"), older.person("Mark")
    older.endpoint("442079460018", owned_by_person_id=jane)
    older.endpoint("tel:+442079460018", owned_by_person_id=mark)
    older.endpoint("anonymous", owned_by_person_id=jane)
    older.upgrade()
    said = run("endpoints", "changed", "1234567").stdout
    assert "Endpoint 1 is 442079460018, of person 1." in said
    assert "Person 2 no longer owns endpoint 2." in said
    assert "was also person 2's; it is person 1's now" in run("status").stdout
