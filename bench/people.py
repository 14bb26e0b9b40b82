"""Calls about people, endpoints and users, compared with a bare statement of each, in processor time.

    python -m bench.people --archive FOLDER [--database-url URL]

A firm of 102,000 people with 205,000 endpoints and 10,000 users, beside some recordings. The bare statement
reads the stored names as they are, with LIKE: it folds nothing, counts what it finds, and reads one page.
"""

import argparse
import random
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import Connection, Table, text

from bench.generating import ENDPOINTS as FEW_ENDPOINTS
from bench.generating import PEOPLE as FEW_PEOPLE
from bench.loading import load
from earwitness.api.people_and_endpoints.endpoints import EndpointSearch, search_endpoints
from earwitness.api.people_and_endpoints.people import search_people, search_people_by_name
from earwitness.api.users import UserSearch, search_users
from earwitness.archive.access.viewer import Viewer
from earwitness.archive.accounts.accounts import Accounts, Archive
from earwitness.archive.database.bulk_insert import insert_many
from earwitness.archive.people.people import folded_email, folded_name
from earwitness.archive.people.person_filters import PeopleSearch, PeopleSearchByName
from earwitness.archive.schema.people import endpoints, people, users
from earwitness.archive.substrings.writing import FOLD
from earwitness.kernel.rights import Right
from earwitness.kernel.settings import Settings
from earwitness.kernel.wire import convert
from earwitness.operations.operations import Call

CLIENT_ID = 1
PEOPLE, ENDPOINTS, USERS = 102_000, 205_000, 10_000
VIEWER = Viewer(CLIENT_ID, 1, "bench", "bench", None, frozenset(Right), (), "")
FIRST = ("Jane", "Mary", "Élodie", "John", "Wei", "Amara", "Sean", "Zoë", "Ahmed", "Olga", "Sam", "Ruth")
LAST = ("ber", "mann", "son", "ley", "ton", "ski", "ez", "o", "ward", "field", "by", "ham", "wright", "er")

_PERSON = (
    "p.full_name LIKE :like OR p.email LIKE :like OR p.third_party_id LIKE :like OR CAST(p.metadata AS text)"
    " LIKE :like OR p.id IN (SELECT owned_by_person_id FROM endpoints WHERE endpoint LIKE :like)"
)
_ENDPOINT = "e.endpoint LIKE :like OR CAST(e.metadata AS text) LIKE :like OR p.full_name LIKE :like"
_USER = "full_name LIKE :like OR email LIKE :like OR username LIKE :like OR external_id LIKE :like"
_OWNED = "FROM endpoints e LEFT JOIN people p ON p.id = e.owned_by_person_id"
_RECORDED = (
    "EXISTS (SELECT 1 FROM recording_endpoints r WHERE r.endpoint_id = e.id AND r.is_recording_subject)"
)
_OF_PEOPLE = f"FROM people p WHERE {_PERSON}", "ORDER BY p.full_name_folded, p.id LIMIT 25", "p.*"
_OF_NAMES = "FROM people p WHERE p.person_type = 'staff' AND (p.full_name_folded LIKE :first"
_NAMES = f"{_OF_NAMES} OR p.full_name_folded LIKE :later)", _OF_PEOPLE[1], "p.*"
_OF_ENDPOINTS = f"{_OWNED} WHERE {_ENDPOINT}", "ORDER BY e.id LIMIT 100", "e.*"
_PARTS = "FROM endpoints e WHERE e.normalised LIKE :like", _OF_ENDPOINTS[1], "e.id"
_SUBJECTS = f"FROM endpoints e WHERE {_RECORDED}", _OF_ENDPOINTS[1], "e.id"
_OF_USERS = f"FROM users WHERE {_USER}", "ORDER BY id LIMIT 1000", "*"

Asked = tuple[str, Callable[[Call], Any], tuple[str, str, str], str]


def main() -> None:
    arguments = _arguments()
    settings = Settings(
        data=arguments.archive / "data", keys=arguments.archive / "keys", database_url=arguments.database_url
    )
    archive = _filled(Accounts(settings), arguments.recordings)
    print(f"| call ({archive.engine.dialect.name}) | CPU ms | bare | ratio | found |\n|---|---|---|---|---|")
    for name, ask, bare, word in _calls():
        with archive.read() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"SET LOCAL search_path TO account_{CLIENT_ID}"))
                _backend[:] = [connection.scalar(text("SELECT pg_backend_pid()")) or 0]
            ours, found = _timed(lambda: ask(_call(archive, connection)))  # noqa: B023 - called at once
            floor, _ = _timed(lambda: _ask(connection, bare, word))  # noqa: B023
        print(f"| {name} | {ours:.1f} | {floor:.1f} | {ours / floor:.2f} | {_total(found)} |", flush=True)


def _calls() -> list[Asked]:
    def of_people(**wanted: Any) -> Callable[[Call], Any]:
        return lambda call: search_people.function(call, convert(wanted, PeopleSearch))

    def of_names(prefix: str) -> Callable[[Call], Any]:
        wanted = convert({"prefix": prefix, "personType": "staff"}, PeopleSearchByName)
        return lambda call: search_people_by_name.function(call, wanted)

    def of_endpoints(**wanted: Any) -> Callable[[Call], Any]:
        return lambda call: search_endpoints.function(call, convert(wanted, EndpointSearch))

    def of_users(free_text: str) -> Callable[[Call], Any]:
        return lambda call: search_users.function(call, convert({"freeText": free_text}, UserSearch))

    words = ("a", "on", "son", "wright", "elodie", "77009", "zzz", "janeberson12")
    return [
        *((f"people freeText {word}", of_people(freeText=word), _OF_PEOPLE, word) for word in words),
        ("people freeText jane son", of_people(freeText="jane son"), _OF_PEOPLE, "son"),
        ("people, interactions", of_people(freeText="son", includeInteractions=True), _OF_PEOPLE, "son"),
        *((f"searchByName {word}", of_names(word), _NAMES, word) for word in ("j", "ja", "jane", "zzz")),
        *((f"endpoints freeText {word}", of_endpoints(freeText=word), _OF_ENDPOINTS, word) for word in words),
        *(
            (f"endpointSearch {word}", of_endpoints(endpointSearch=word), _PARTS, word)
            for word in ("7", "77", "77009", "jane", "zzz")
        ),
        ("isRecorded", of_endpoints(isRecorded=True), _SUBJECTS, ""),
        (
            "not isRecorded",
            of_endpoints(isRecorded=False),
            (f"{_OWNED} WHERE NOT {_RECORDED}", *_PARTS[1:]),
            "",
        ),
        *((f"users freeText {word}", of_users(word), _OF_USERS, word) for word in ("a", "son", "jane17")),
    ]


def _call(archive: Archive, connection: Connection) -> Call:
    fields: dict[str, Any] = dict.fromkeys(("accounts", "signing_key", "action"))
    return Call(archive=archive, viewer=VIEWER, connection=connection, **fields)


def _ask(connection: Connection, bare: tuple[str, str, str], word: str) -> None:
    """The floor: the total, and the ids of one page."""
    parameters = {"like": f"%{word}%", "first": f"{word}%", "later": f"% {word}%"}
    which, page, column = bare
    used = {name: value for name, value in parameters.items() if f":{name}" in which}
    connection.execute(text(f"SELECT count(*) {which}"), used).scalar_one()
    connection.execute(text(f"SELECT {column} {which} {page}"), used).all()


def _timed(ask: Callable[[], Any], rounds: int = 3) -> tuple[float, Any]:
    """Milliseconds of processor time of all processes of this machine's database and of this one."""
    ask()
    taken = []
    for _ in range(rounds):
        began = _processor()
        found = ask()
        taken.append(1000 * (_processor() - began))
    return max(median(taken), 0.01), found


_backend: list[int] = []


def _processor() -> float:
    """Of this process and, on PostgreSQL, of the process that serves the connection."""
    own = time.process_time()
    for pid in _backend:
        fields = Path(f"/proc/{pid}/schedstat").read_text().split()
        own += int(fields[0]) / 1e9
    return own


def _total(found: Any) -> str:
    headers = getattr(found, "headers", None)
    return str(headers["X-Total-Count"] if headers else found.total)


def _filled(accounts: Accounts, recordings: int) -> Archive:
    if CLIENT_ID not in {account.client_id for account in accounts.all()}:
        accounts.create(CLIENT_ID, "A firm of many")
        archive = accounts.open(CLIENT_ID)
        load(archive, recordings)
        _add_many(archive)
        with archive.write() as connection:
            connection.execute(text("ANALYZE"))
    return accounts.open(CLIENT_ID)


def _add_many(archive: Archive) -> None:
    """Add people, endpoints and users to those of the recordings, until there are as many as are wanted."""
    draw = random.Random(7)
    with archive.write() as connection:
        _insert(connection, people, (_person(number, draw) for number in range(FEW_PEOPLE + 1, PEOPLE + 1)))
        _insert(
            connection, endpoints, (_endpoint(number) for number in range(FEW_ENDPOINTS + 1, ENDPOINTS + 1))
        )
        _insert(connection, users, (_user(number) for number in range(1, USERS + 1)))
        for kind, count in (("people", PEOPLE), ("endpoints", ENDPOINTS), ("users", USERS)):
            FOLD[kind](connection, range(1, count + 1))


def _insert(connection: Connection, table: Table, rows: Iterator[dict[str, Any]]) -> None:
    while batch := list(islice(rows, 5_000)):
        insert_many(connection, table, batch)


def _person(number: int, draw: random.Random) -> dict[str, Any]:
    name = f"{draw.choice(FIRST)} {draw.choice(LAST)}{draw.choice(LAST)}{draw.choice(LAST)}"
    email = f"{name.lower().replace(' ', '.')}{number}@example.com"
    return {
        "full_name": name,
        "full_name_folded": folded_name(name),
        "email": email,
        "email_folded": folded_email(email),
        "third_party_id": f"AAD-{draw.getrandbits(64):x}",
        "person_type": "staff" if number % 3 else "external",
        "metadata": {"additionalFields": {"costCentre": f"CC-{number % 400}"}} if number % 2 else {},
    }


def _endpoint(number: int) -> dict[str, Any]:
    is_phone = number % 3 > 0
    value = (
        f"44{7_000_000_000 + number * 7_919 % 10**9}"
        if is_phone
        else f"jane.ruthson{number}@mail.example.com"
    )
    return {
        "type": "phone" if is_phone else "email",
        "endpoint": value,
        "normalised": value,
        "metadata": {"label": f"Desk {number % 50}"} if number % 10 == 0 else {},
        "owned_by_person_id": FEW_PEOPLE + 1 + number * 31 % (PEOPLE - FEW_PEOPLE),
    }


def _user(number: int) -> dict[str, Any]:
    username = f"sam.wrightson{number}@example.com"
    names = {"username": username, "username_folded": username, "full_name": f"Sam Wrightson {number}"}
    return {**names, "email": username, "audio_playback": "streaming", "created_at": 0}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--recordings", type=int, default=20_000)
    parser.add_argument("--archive", type=Path, required=True, help="kept, and used again")
    parser.add_argument("--database-url", default="")
    return parser.parse_args()


if __name__ == "__main__":
    main()
