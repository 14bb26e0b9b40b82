"""A prefix of one or two letters finds what begins with it, even if most recordings have such a word."""

import pytest

from earwitness.archive.text.parsing import MOST_TERMS
from tests.firm import Firm, transcript

SAID = {
    "call-1": "Tell Tom to buy shares.",
    "call-2": "They trade tomorrow at ten.",
    "call-3": "Please buy bonds today, tom@example.com.",
    "call-4": "No.",
}


@pytest.fixture
def said(firm: Firm) -> Firm:
    for third_party_id, sentence in SAID.items():
        firm.ingest(thirdPartyId=third_party_id, transcript=transcript(sentence))
    return firm


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("t*", "123"),
        ("-t*", "4"),
        ("t* -buy", "2"),
        ("buy t*", "13"),
        ("buy -t*", ""),
        ("(t* shares) OR no", "14"),
        ("-(t* OR no)", ""),
        ("t* b*", "13"),
        ("to*", "123"),
        ("tom@e*", "3"),
        ("please-t*", ""),
        ("zz* t*", ""),
    ],
)
def test_a_short_prefix_finds_what_begins_with_it(said: Firm, asked: str, found: str) -> None:
    assert sorted(said.search(freeText=asked)) == [f"call-{one}" for one in found]
    assert said.post("/client/recording.search", {"freeText": asked})["total"] == len(found)


def test_a_short_prefix_that_is_nested_too_deeply_is_refused(said: Firm) -> None:
    asked = "t*"
    for _ in range(5):
        asked = f"b* ({asked} OR zz)"
    assert sorted(said.search(freeText=asked)) == ["call-1", "call-3"]
    answer = said.call("POST", "/client/recording.search", {"freeText": f"buy -(-{asked} OR zz)"})
    assert answer.status_code == 400
    [fault] = answer.json()["errors"]
    assert (fault["path"], fault["position"]) == ("freeText", len("buy -(-"))


def test_a_query_of_as_many_short_prefixes_as_allowed_is_answered(said: Firm) -> None:
    assert sorted(said.search(freeText=" OR ".join(["t*"] * MOST_TERMS))) == ["call-1", "call-2", "call-3"]
    assert sorted(said.search(freeText=" ".join(["t*"] * MOST_TERMS))) == ["call-1", "call-2", "call-3"]
