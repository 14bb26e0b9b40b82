"""Searches for parts of words find exactly what is found by reading every row, on both databases."""

import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from earwitness.archive.people.endpoints import find_or_add_endpoint
from earwitness.archive.people.people import add_person
from earwitness.archive.people.person_changes import change_person
from earwitness.archive.schema.people import endpoints, people, users
from earwitness.archive.spelling.addresses import WITHHELD, digits_of, is_withheld, number_in
from earwitness.archive.spelling.identifiers import folded_identifier
from earwitness.archive.spelling.names import fold_name
from earwitness.archive.substrings.folded import in_words
from earwitness.archive.substrings.words import begins_a_word, contains_all, search_words, values_in
from tests.firm import Firm

PIECES = (
    *("Ann", "Élodie", "e\u0301", "O’Neill", "o'", "'", "''", "‘", "ß", "İ", "ﬁ", "½", "Σς", "ǅ", "㌖", "ﷺ"),
    *(
        "👍🏽",
        "👩\u200d⚕️",
        "🇩🇪",
        "ة",
        "か\u3099",
        "회의",
        "東京",
        "\u0301",
        "\u200b",
        "\u2060\u2060j",
        "\ufeff",
    ),
    *("-", "‐", "Mary-Jane", " ", "  ", "\n", "\t", "%", "_", '"', "*", "\\", "(", ") AND ", "NEAR", "^"),
    *(
        "x" * 70,
        "a" * 3 + "b",
        "７",
        "٣",
        "00",
        "44",
        "+44 (0)20",
        "7700-900",
        "@example.com",
        ".",
        ";ext=12",
    ),
)
TEXT = st.lists(st.sampled_from(PIECES), max_size=4).map("".join)
WRITTEN: tuple[Callable[[str], str], ...] = (
    str,
    str.upper,
    str.swapcase,
    lambda text: unicodedata.normalize("NFD", text),
    lambda text: unicodedata.normalize("NFKC", text),
)
PHONES = st.sampled_from(
    (
        "+44 20 7946 0018",
        "0044 (0)20 7946 0018",
        "447700900111",
        "12",
        "0",
        "anonymous",
        "sip:bob@pbx",
        "٤٤ ٢٠",
    )
)
ADDRESSES = st.one_of(
    st.tuples(st.just("phone"), st.one_of(PHONES, TEXT)),
    st.tuples(
        st.sampled_from(["email", "teamsUserId"]),
        st.one_of(TEXT, st.sampled_from(["unknown@example.com", "withheld.desk@example.com"])),
    ),
)
PERSON = st.fixed_dictionaries(
    {
        "full_name": TEXT.filter(str.strip),
        "email": st.one_of(st.none(), TEXT),
        "metadata": st.one_of(
            st.just({}), st.builds(lambda text: {"a": [text, 7, None], "b": {"c": text}}, TEXT)
        ),
        "addresses": st.lists(ADDRESSES, max_size=2),
    }
)
EVERY = {"pageSize": 1000}
CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@given(added=st.lists(PERSON, max_size=2), data=st.data())
@settings(max_examples=60, suppress_health_check=CHECKS, deadline=None)
def test_people_and_endpoints_are_found_as_if_every_row_was_read(
    firm: Firm, added: list[dict[str, Any]], data: st.DataObject
) -> None:
    with firm.archive.write() as connection:
        _add(connection, added)
    with firm.archive.read() as connection:
        persons, addresses = _rows(connection)
    asked = data.draw(
        _asked(
            [one["full_name"] for one in added] + [value for row in added for _, value in row["addresses"]]
        )
    )
    found = firm.post("/client/people.search", {"freeText": asked, **EVERY})["persons"]
    assert {one["id"] for one in found} == {one for one, row in persons.items() if _is_person(asked, *row)}
    prefix = in_words(fold_name(asked))
    named = firm.post("/client/people.searchByName", {"prefix": asked, "personType": "staff", **EVERY})[
        "persons"
    ]
    assert {one["id"] for one in named} == {
        one for one, (row, _) in persons.items() if begins_a_word(prefix, in_words(row.full_name_folded))
    }
    for field, matches in (("freeText", _is_endpoint), ("endpointSearch", _has_part)):
        listed = firm.post("/client/people/endpoint/search", {field: asked, **EVERY})
        expected = {row.id for row in addresses if matches(asked, row)}
        assert {one["id"] for one in listed} == expected, field


@given(
    added=TEXT.filter(str.strip),
    changes=st.lists(st.one_of(st.none(), TEXT), min_size=3, max_size=3),
    data=st.data(),
)
@settings(max_examples=30, suppress_health_check=CHECKS, deadline=None)
def test_users_are_found_and_ordered_as_if_every_row_was_read(
    firm: Firm, added: str, changes: list[str | None], data: st.DataObject
) -> None:
    body: dict[str, Any] = {
        "username": added,
        "rolesAndRights": [],
        "fullName": changes[0],
        "email": changes[1],
        "externalId": changes[2],
    }
    firm.call("POST", "/admin/user", body)  # some names are taken, or refused
    asked = data.draw(_asked([added, *filter(None, changes)]))
    with firm.archive.read() as connection:
        rows = connection.execute(select(users)).all()
    matching = [
        row
        for row in rows
        if contains_all(search_words(asked), (row.username, row.full_name, row.email, row.external_id))
    ]
    for name, column in (
        ("username", "username"),
        ("fullName", "full_name"),
        ("email", "email"),
        ("id", "id"),
    ):
        for direction in ("ASC", "DESC"):
            order = {"property": name, "direction": direction}
            wanted = {"freeText": asked, "searchOrderProperty": order, **EVERY}
            found = [one["id"] for one in firm.post("/client/user/search", wanted)["users"]]
            assert found == _in_order(matching, column, descends=direction == "DESC")


def _no_job(*_: object, **__: object) -> int:
    raise AssertionError("nobody here has enough recordings for a job")


def _add(connection: Connection, added: Iterable[dict[str, Any]]) -> None:
    for one in added:
        columns = {name: one[name] for name in ("full_name", "email", "metadata")}
        person_id = add_person(connection, full_name="Nobody", person_type="staff")
        owned = []
        for type_, value in dict.fromkeys(one["addresses"]):
            endpoint = find_or_add_endpoint(connection, type_, value)
            if endpoint.owner is None and not endpoint.is_withheld:
                owned.append((type_, value))
        change_person(connection, person_id, addresses=owned, order=_no_job, **columns)


def _rows(connection: Connection) -> tuple[dict[int, Any], list[Any]]:
    """People, each with the rows of its endpoints, by id; and all endpoints with their owners' names."""
    owner = endpoints.outerjoin(people, people.c.id == endpoints.c.owned_by_person_id)
    every = connection.execute(select(endpoints, people.c.full_name).select_from(owner)).all()
    return {
        row.id: (row, [one for one in every if one.owned_by_person_id == row.id])
        for row in connection.execute(select(people))
    }, list(every)


def _is_person(asked: str, row: Any, owned: list[Any]) -> bool:
    texts = [row.full_name, row.email, row.third_party_id, *(one.endpoint for one in owned)]
    numbers = [one.normalised for one in owned if one.type == "phone"]
    return contains_all(search_words(asked), [*texts, *values_in(row.metadata)], numbers)


def _is_endpoint(asked: str, row: Any) -> bool:
    numbers = [row.normalised] if row.type == "phone" else []
    return contains_all(search_words(asked), [row.endpoint, row.full_name, *values_in(row.metadata)], numbers)


def _has_part(asked: str, row: Any) -> bool:
    if not asked.strip() or folded_identifier(asked) in row.normalised:
        return True
    says_withheld = is_withheld("phone", asked) and any(map(str.isalpha, asked))
    if says_withheld and row.normalised == WITHHELD:
        return True
    digits, whole = digits_of(asked), number_in(asked)
    holds = digits is not None and digits in row.normalised
    return row.type == "phone" and (holds or (whole is not None and row.normalised.startswith(whole)))


def _asked(texts: list[str]) -> st.SearchStrategy[str]:
    """Parts of these texts in other spellings, and other texts."""
    parts = [st.tuples(st.just(one), st.integers(0, len(one)), st.integers(1, 12)) for one in texts if one]
    cut = st.one_of(parts).map(lambda drawn: drawn[0][drawn[1] : drawn[1] + drawn[2]]) if parts else TEXT
    one = st.one_of(cut, TEXT)
    return st.tuples(st.lists(one, min_size=1, max_size=3), st.sampled_from(WRITTEN)).map(
        lambda drawn: drawn[1](" ".join(drawn[0]))[:1000]
    )


def _in_order(rows: list[Any], column: str, *, descends: bool) -> list[int]:
    def key(row: Any) -> tuple[Any, int]:
        value = getattr(row, column)
        return fold_name(value) if isinstance(value, str) else value, row.id

    known = sorted((row for row in rows if getattr(row, column) is not None), key=key, reverse=descends)
    unknown = sorted(
        (row for row in rows if getattr(row, column) is None), key=lambda row: row.id, reverse=descends
    )
    return [row.id for row in [*known, *unknown]]
