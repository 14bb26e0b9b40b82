"""People, endpoints and users: the calls that find them by a part of a text."""

from collections.abc import Iterator
from typing import Any

from bench.calls.filling import name_of
from bench.calls.measuring import processor
from bench.calls.rows import Row, Work
from bench.calls.site import Site

_PAGE = 25
_TEXTS = {
    "one letter": "k",
    "two letters": "ku",
    "part of a name": name_of(7).split()[0].lower()[1:],
    "two names": name_of(7).lower(),
    "digits of a number": "0000007",
}
_MANY = " ".join(["k", *(f"{number}u" for number in range(399))])
_A_TARGET = 5
_BY_HAND = "the same by LIKE over the folded columns, and the page's rows"

_PEOPLE_HOLD = (
    "(p.full_name_folded LIKE ? OR p.email_folded LIKE ? OR p.third_party_id LIKE ?"
    " OR CAST(p.metadata AS TEXT) LIKE ?"
    " OR p.id IN (SELECT owned_by_person_id FROM endpoints WHERE normalised LIKE ?))"
)
_ENDPOINTS_HOLD = "(e.normalised LIKE ? OR p.full_name_folded LIKE ? OR CAST(e.metadata AS TEXT) LIKE ?)"
_USERS_HOLD = (
    "(username_folded LIKE ? OR lower(full_name) LIKE ? OR lower(email) LIKE ? OR external_id LIKE ?)"
)
_OF_PEOPLE, _OF_VALUES = 100, 100
"""How many people and endpoints are asked for by their names."""

_RECORDED = "EXISTS (SELECT 1 FROM recording_endpoints r WHERE r.endpoint_id = e.id AND {})"


def _rows() -> Iterator[Row]:
    for name, text in _TEXTS.items():
        yield _row(f"people.search: {name}", _people(text), _people_by_hand(text))
    for name in ("one letter", "part of a name"):
        yield _row(f"people.searchByName: {name}", _by_name(name), _by_name_by_hand(name))
    for name in ("one letter", "two letters", "part of a name", "digits of a number"):
        text = _TEXTS[name]
        yield _row(f"endpoint/search, freeText: {name}", _endpoints(freeText=text), _endpoints_by_hand(text))
    yield _row(
        "endpoint/search, endpointSearch: digits", _endpoints(endpointSearch="0007"), _part_by_hand("0007")
    )
    yield _row("endpoint/search, isRecorded", _endpoints(isRecorded=True), _recorded_by_hand(""))
    yield _row("endpoint/search, not isRecorded", _endpoints(isRecorded=False), _recorded_by_hand("NOT "))
    look_up = "the same by statements that look them up"
    yield _row(f"people.get: {_OF_PEOPLE} by their thirdPartyId", _get_people, _get_people_by_hand, look_up)
    yield _row(f"endpoint/get: {_OF_VALUES} by their values", _get_endpoints, _get_endpoints_by_hand, look_up)
    for name in ("one letter", "part of a name"):
        yield _row(f"user/search: {name}", _users(_TEXTS[name]), _users_by_hand(_TEXTS[name]))
    yield _row(
        "user/search: 400 words", _users(_MANY), _users_by_hand(_MANY.split()[0]), "one of the words by LIKE"
    )


def _row(name: str, ours: Work, floor: Work, by_hand: str = _BY_HAND) -> Row:
    return Row(name, "ms of processor", by_hand, _A_TARGET, processor(ours, floor, empty=_of_nobody))


def _of_nobody(site: Site) -> None:
    """The cost of every call: HTTP, the sign-in, a transaction, and one statement that finds nothing."""
    site.caller.call("POST", "/client/people.get", [])


def _asking(path: str, body: dict[str, Any]) -> Work:
    return lambda site: site.caller.call("POST", path, {**body, "pageSize": _PAGE})


def _people(text: str) -> Work:
    return _asking("/client/people.search", {"freeText": text})


def _by_name(name: str) -> Work:
    return _asking("/client/people.searchByName", {"personType": "staff", "prefix": _beginning(name)})


def _endpoints(**filters: Any) -> Work:
    return _asking("/client/people/endpoint/search", filters)


def _users(text: str) -> Work:
    return _asking("/client/user/search", {"freeText": text})


def _numbers() -> list[str]:
    return [f"4420{person:08d}" for person in range(_OF_VALUES)]


def _get_people(site: Site) -> None:
    site.caller.call("POST", "/client/people.get", [f"person-{one}" for one in range(_OF_PEOPLE)])


def _get_endpoints(site: Site) -> None:
    values = [{"type": "phone", "endpoint": one} for one in _numbers()]
    site.caller.call("POST", "/client/people/endpoint/get", values)


def _get_people_by_hand(site: Site) -> None:
    ids = ", ".join(f"'person-{one}'" for one in range(_OF_PEOPLE))
    which = f"FROM people p WHERE p.third_party_id IN ({ids})"
    latest = "SELECT max(r.ended_at) FROM recording_endpoints e JOIN recordings r ON r.position = e.position"
    site.hand.all(f"SELECT p.*, ({latest} WHERE e.person_id = p.id) {which}")
    site.hand.all(
        f"SELECT e.*, {_subject(site)} FROM endpoints e WHERE owned_by_person_id IN (SELECT p.id {which})"
    )


def _get_endpoints_by_hand(site: Site) -> None:
    values = ", ".join(f"'{one}'" for one in _numbers())
    site.hand.all(
        f"SELECT e.*, {_subject(site)} FROM endpoints e WHERE type = 'phone' AND normalised IN ({values})"
    )


def _subject(site: Site) -> str:
    return _RECORDED.format("r.is_recording_subject = " + ("1" if site.hand.on_sqlite else "true"))


def _beginning(name: str) -> str:
    """The text of a row, as the beginning of a name."""
    return _TEXTS[name] if len(_TEXTS[name]) < 3 else name_of(7).split()[0].lower()


def _people_by_hand(text: str) -> Work:
    words = text.split()
    holding = " AND ".join([_PEOPLE_HOLD] * len(words))
    sql = f"SELECT p.id FROM people p WHERE {holding} ORDER BY p.full_name_folded, p.id"

    def find(site: Site) -> None:
        found = site.hand.all(sql, *(f"%{word}%" for word in words for _ in range(5)))
        _read(site, "SELECT * FROM people WHERE id IN ({})", found)
        _read(site, "SELECT * FROM endpoints WHERE owned_by_person_id IN ({})", found)

    return find


def _by_name_by_hand(name: str) -> Work:
    beginning = _beginning(name)
    sql = (
        "SELECT id FROM people WHERE person_type = 'staff'"
        " AND (full_name_folded LIKE ? OR full_name_folded LIKE ?) ORDER BY full_name_folded, id"
    )

    def find(site: Site) -> None:
        found = site.hand.all(sql, f"{beginning}%", f"% {beginning}%")
        _read(site, "SELECT * FROM people WHERE id IN ({})", found)

    return find


def _endpoints_by_hand(text: str) -> Work:
    sql = (
        "SELECT e.id FROM endpoints e LEFT JOIN people p ON p.id = e.owned_by_person_id"
        f" WHERE {_ENDPOINTS_HOLD} ORDER BY e.id"
    )

    def find(site: Site) -> None:
        _read_endpoints(site, site.hand.all(sql, *[f"%{text}%"] * 3))

    return find


def _part_by_hand(text: str) -> Work:
    def find(site: Site) -> None:
        sql = "SELECT id FROM endpoints WHERE normalised LIKE ? ORDER BY id"
        _read_endpoints(site, site.hand.all(sql, f"%{text}%"))

    return find


def _recorded_by_hand(negated: str) -> Work:
    def find(site: Site) -> None:
        which = f"FROM endpoints e WHERE {negated}{_subject(site)}"
        site.hand.all(f"SELECT count(*) {which}")
        _read_endpoints(site, site.hand.all(f"SELECT e.id {which} ORDER BY e.id LIMIT {_PAGE}"))

    return find


def _users_by_hand(text: str) -> Work:
    def find(site: Site) -> None:
        found = site.hand.all(f"SELECT id FROM users WHERE {_USERS_HOLD} ORDER BY id", *[f"%{text}%"] * 4)
        _read(site, "SELECT * FROM users WHERE id IN ({})", found)
        _read(site, "SELECT * FROM user_roles_and_rights WHERE user_id IN ({})", found)

    return find


def _read_endpoints(site: Site, found: list[Any]) -> None:
    _read(
        site,
        "SELECT * FROM endpoints e LEFT JOIN people p ON p.id = e.owned_by_person_id WHERE e.id IN ({})",
        found,
    )


def _read(site: Site, sql: str, found: list[Any]) -> None:
    """Read the rows of a page."""
    site.hand.all(sql.format(", ".join(str(row[0]) for row in found[:_PAGE]) or "0"))


ROWS = tuple(_rows())
