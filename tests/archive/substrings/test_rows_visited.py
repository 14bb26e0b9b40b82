"""The calls on people, endpoints and users read what they find, and not all rows, on both databases."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from earwitness.api.people_and_endpoints.endpoints import (
    EndpointSearch,
    EndpointValues,
    get_endpoints,
    search_endpoints,
)
from earwitness.api.people_and_endpoints.people import (
    PeopleIds,
    get_people,
    search_people,
    search_people_by_name,
)
from earwitness.api.users import UserSearch, search_users
from earwitness.archive.access.viewer import Viewer
from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.people.endpoints import find_or_add_endpoints
from earwitness.archive.people.groups import assign_groups
from earwitness.archive.people.people import folded_name
from earwitness.archive.people.person_filters import PeopleSearch, PeopleSearchByName
from earwitness.archive.schema.folded import SEARCHED
from earwitness.archive.schema.people import endpoints, inflight_calls, people, users
from earwitness.archive.schema.recordings import recording_endpoints, recordings
from earwitness.archive.substrings.writing import FOLD
from earwitness.kernel.clock import now_ms
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import convert
from earwitness.operations.operations import Call
from tests.conftest import DATABASES, installation
from tests.firm import CLIENT_ID
from tests.many_recordings import FIRST_START, MINUTE_MS, row_of
from tests.visits import filled_once, visits

COUNT = 3_000
SWITCHBOARD = {"type": "email", "endpoint": "desk@example.com"}
"""Takes part in every recording, and is never its subject."""

VIEWER = Viewer(CLIENT_ID, 1, "somebody", "somebody", None, frozenset(Right), (), "")
Asking = Callable[[Call], Any]


@pytest.fixture(scope="module", params=DATABASES)
def archive(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """An archive that is filled once for all tests of this file, which may only read it."""
    indexes = [f"{kind}_trigrams_by_trigrams" for kind in SEARCHED]
    with (
        installation(request, tmp_path_factory.mktemp("archive")) as settings,
        filled_once(settings, _fill, indexes) as archive,
    ):
        yield archive


def _fill(archive: Archive) -> None:
    with archive.write() as connection:
        connection.execute(insert(people), [_person(number) for number in range(COUNT)])
        connection.execute(insert(endpoints), [_endpoint(number) for number in range(COUNT)])
        connection.execute(
            insert(endpoints),
            {**SWITCHBOARD, "normalised": SWITCHBOARD["endpoint"], "owned_by_person_id": 7, "metadata": {}},
        )
        connection.execute(insert(users), [_user(number) for number in range(COUNT)])
        started = (FIRST_START + number * 60 * MINUTE_MS for number in range(COUNT))
        rows = [row_of(number, at) for number, at in enumerate(started)]
        connection.execute(insert(recordings), rows)
        parts = [part for number, row in enumerate(rows) for part in _parts(number, row["position"])]
        connection.execute(insert(recording_endpoints), parts)
        assign_groups(connection, 7, [("Department", "Support")])
        call = {"third_party_id": "goes-on", "endpoint_id": 7, "started_at": now_ms()}
        connection.execute(insert(inflight_calls), call | {"other_endpoint": SWITCHBOARD})
        for fold in FOLD.values():
            fold(connection, range(1, COUNT + 1))


def _person(number: int) -> dict[str, Any]:
    name = f"Zoë Zugzwang {number}" if number % 1000 == 7 else f"Mary Miller {number}"
    folded = {"full_name_folded": folded_name(name), "metadata": {}}
    email = f"m{number}@example.com"
    known = {"third_party_id": f"AAD-{number}", "email": email, "email_folded": email}
    return {"full_name": name, "person_type": "staff", **known, **folded}


def _endpoint(number: int) -> dict[str, Any]:
    value = f"44207{number * 7919 % 1_000_000:06}"
    owner = {"owned_by_person_id": number + 1, "metadata": {"label": "Desk"}}
    return {"type": "phone", "endpoint": value, "normalised": value, **owner}


def _parts(number: int, position: int) -> Iterator[dict[str, Any]]:
    """Everybody is once the subject of a recording."""
    for ordinal, (endpoint_id, person_id) in enumerate(((number + 1, number + 1), (COUNT + 1, 7))):
        which = {"position": position, "ordinal": ordinal, "endpoint_id": endpoint_id, "person_id": person_id}
        yield which | {
            "user": "",
            "user_folded": "",
            "is_originator": False,
            "is_recording_subject": not ordinal,
        }


def _user(number: int) -> dict[str, Any]:
    others = {"full_name": _person(number)["full_name"], "audio_playback": "streaming", "created_at": 0}
    return {"username": f"u{number}", "username_folded": f"u{number}", **others}


def _of_people(**wanted: Any) -> Asking:
    return lambda call: search_people.function(call, convert(wanted, PeopleSearch)).total


def _of_names(prefix: str) -> Asking:
    wanted = convert({"prefix": prefix, "personType": "staff"}, PeopleSearchByName)
    return lambda call: search_people_by_name.function(call, wanted).total


def _of_endpoints(**wanted: Any) -> Asking:
    def ask(call: Call) -> int:
        answer = search_endpoints.function(call, convert(wanted, EndpointSearch))
        return int(answer.headers["X-Total-Count"])

    return ask


def _people_of(*asked: int | str) -> Asking:
    wanted = convert(list(asked), PeopleIds)
    return lambda call: len(get_people.function(call, wanted))


def _endpoints_of(*asked: dict[str, str]) -> Asking:
    wanted = convert(list(asked), EndpointValues)
    return lambda call: len(get_endpoints.function(call, wanted))


def _known_addresses(*asked: tuple[str, str]) -> Asking:
    return lambda call: len(find_or_add_endpoints(call.connection, asked))


def _of_users(**wanted: Any) -> Asking:
    return lambda call: search_users.function(call, convert(wanted, UserSearch)).total


FEW: dict[str, tuple[Asking, int]] = {
    "people, a word": (_of_people(freeText="UGZWANG"), 3),
    "people, two words": (_of_people(freeText="zugz mary"), 0),
    "people, a part of a number": (_of_people(freeText="96-6514"), 1),
    "people, no word of anybody": (_of_people(freeText="qqqq"), 0),
    "people, a letter beside a word": (_of_people(freeText="y zugz"), 0),
    "names, a beginning": (_of_names("zugz"), 3),
    "names, one letter": (_of_names("z"), 3),
    "names, no beginning": (_of_names("ugz"), 0),
    "endpoints, a word of the owner": (_of_endpoints(freeText="zugzwang"), 3),
    "endpoints, a word and a part of a number": (_of_endpoints(freeText="mary 966514"), 1),
    "endpoints, a part": (_of_endpoints(endpointSearch="966514"), 1),
    "people, who have an id, and interactions": (
        _of_people(personIds=[5, 6], includeInteractions=True),
        2,
    ),
    "people, who have a third-party id": (_of_people(thirdPartyIds=["AAD-5"]), 1),
    "people, who have an email": (_of_people(emails=["M5@example.com", "desk@example.com"]), 2),
    "people, in a group": (
        _of_people(groupAssignment=[{"groupName": "Department", "groupValue": "Support"}]),
        1,
    ),
    "people, of a retention group": (_of_people(retentionGroupId=1), 0),
    "people, some by their ids": (_people_of(5, "AAD-6", "nobody", 999_999), 2),
    "endpoints, some by their values": (_endpoints_of(SWITCHBOARD, {"type": "phone", "endpoint": "1"}), 1),
    "endpoints of calls in progress": (_of_endpoints(isCurrentlyRecorded=True), 1),
    "endpoints of an arriving recording": (_known_addresses(("email", "DESK@example.com")), 1),
    "users, a word": (_of_users(freeText="zugzwang"), 3),
    "users, many words": (_of_users(freeText=f"zugzwang {' '.join(map(chr, range(97, 123)))}"), 0),
    "users, who have a name": (_of_users(username="U5"), 1),
    "users, who have an id": (_of_users(userId=5), 1),
}
"""Searches that find few of thousands, and how many they find."""

MANY: dict[str, tuple[Asking, int]] = {
    "people, one letter": (_of_people(freeText="m"), COUNT),
    "people, a word of most": (_of_people(freeText="mill"), COUNT - 3),
    "names of most": (_of_names("mi"), COUNT - 3),
    "endpoints, one digit": (_of_endpoints(freeText="4"), COUNT),
    "endpoints, a part of all": (_of_endpoints(endpointSearch="44"), COUNT),
    "endpoints that are recorded": (_of_endpoints(isRecorded=True), COUNT),
    "endpoints that are not recorded": (_of_endpoints(isRecorded=False), 1),
    "users, one letter": (_of_users(freeText="u", pageSize=25), COUNT),
    "users, many letters": (
        _of_users(freeText=" ".join("u/m a r y i l e z o g w n 1 2 3 4 5 6 7 8 9 0"), pageSize=25),
        0,
    ),
}

MOST_FOR_FEW = {"sqlite": 2 * COUNT, "postgresql": COUNT // 10}
MOST_FOR_MANY = {"sqlite": 60 * COUNT, "postgresql": 12 * COUNT}
"""SQLite's steps, and PostgreSQL's rows of all tables, for the total and a page."""


@pytest.mark.parametrize("name", FEW)
def test_what_finds_few_reads_few(archive: Archive, name: str) -> None:
    assert _read(archive, *FEW[name]) < MOST_FOR_FEW[archive.engine.dialect.name]


@pytest.mark.parametrize("name", MANY)
def test_what_finds_most_reads_each_row_a_few_times(archive: Archive, name: str) -> None:
    database = archive.engine.dialect.name
    assert MOST_FOR_FEW[database] < _read(archive, *MANY[name]) < MOST_FOR_MANY[database]


def _read(archive: Archive, ask: Asking, expected: int) -> int:
    with archive.read() as connection:
        call = _call(archive, connection)
        ask(call)
        with visits(connection) as counted:
            assert ask(call) == expected
        return sum(counted)


def _call(archive: Archive, connection: Connection) -> Call:
    unused: dict[str, Any] = dict.fromkeys(("accounts", "signing_key", "action"))
    return Call(archive=archive, viewer=VIEWER, connection=connection, **unused)
