"""Searches with more words than have a condition of their own find what they should, on both databases."""

from typing import Any

import pytest

from earwitness.archive.people.endpoints import find_or_add_endpoint
from earwitness.archive.people.people import add_person
from earwitness.archive.people.person_changes import change_person
from tests.firm import Firm

NAMES = [chr(0x4E00 + number) for number in range(200)]
DIGITS = [f"{number}{number}" for number in range(10)]
NUMBER = "+44 11 22 33 44 55 66 77 88 99 00"
OF_PEOPLE = "/client/people.search"
OF_ENDPOINTS = "/client/people/endpoint/search"
OF_USERS = "/client/user/search"


def found(firm: Firm, path: str, words: list[str]) -> int:
    answer = firm.post(path, {"freeText": " ".join(words)})
    return len(answer) if path == OF_ENDPOINTS else int(answer["total"])


@pytest.fixture
def filled(firm: Firm) -> Firm:
    with firm.archive.write() as connection:
        person_id = add_person(connection, full_name="".join(NAMES), person_type="staff")
        find_or_add_endpoint(connection, "phone", NUMBER)
        change_person(connection, person_id, addresses=[("phone", NUMBER)], order=_no_job)
    firm.add_user("many", [], full_name="".join(NAMES))
    return firm


def _no_job(*_: object, **__: object) -> int:
    raise AssertionError("nobody here has enough recordings for a job")


@pytest.mark.parametrize(("path", "others"), [(OF_PEOPLE, DIGITS), (OF_ENDPOINTS, DIGITS), (OF_USERS, [])])
@pytest.mark.parametrize("count", [10, 16, 17, 150])
def test_each_of_many_words_counts(filled: Firm, path: str, others: list[str], count: int) -> None:
    words = [*NAMES[:count], *others, "0044" if others else NAMES[0]]
    assert found(filled, path, words) == 1
    for missing in ("nobody", "\u4dff", "98", '"', "'", "\\", "[1]", "null"):
        assert found(filled, path, [*words, missing]) == 0
        assert found(filled, path, [missing, *words]) == 0


def test_a_person_with_some_of_many_words_is_not_found(filled: Firm) -> None:
    with filled.archive.write() as connection:
        add_person(connection, full_name="".join(NAMES[:-1]), person_type="staff")
    assert found(filled, OF_PEOPLE, NAMES[:-1]) == 2
    assert found(filled, OF_PEOPLE, NAMES) == 1


def test_no_word_is_lost_among_many_that_everybody_has(filled: Firm) -> None:
    everybody: list[Any] = [filled.add_user(f"abcdefghijklmnopqrst{one}", []) for one in "xyz"]
    letters = list("abcdefghijklmnopqrst")
    assert found(filled, OF_USERS, letters) == len(everybody)
    assert found(filled, OF_USERS, [*letters, "y"]) == 1
    assert found(filled, OF_USERS, [*letters, "ty"]) == 1
    assert found(filled, OF_USERS, [*letters, "yt"]) == 0
