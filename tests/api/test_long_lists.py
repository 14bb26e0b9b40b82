"""A call with a long list writes with as many statements as one with a short list: others wait meanwhile."""

from collections.abc import Callable
from typing import Any

import pytest
from bench.statements import statements_of
from httpx2 import Response

from tests.firm import Firm, call, endpoint, person

FEW, MANY = 4, 400


def names(count: int, kind: str) -> list[str]:
    return [f"{kind} {number} of {count}" for number in range(count)]


def tags_of_recording(firm: Firm, count: int) -> Response:
    body = {"recordingId": 1, "tags": names(count, "Tag")}
    return firm.call("PUT", "/client/recording/tags", body)


def tags_of_selection(firm: Firm, count: int) -> Response:
    """A selection takes up to 100 of each."""
    added = names(count // 4, "Selected")
    return firm.call("POST", "/client/recording/selection", {"interactionIds": [1], "addTags": added})


def tags_taken_away(firm: Firm, count: int) -> Response:
    removed = names(count // 4, "Known")
    return firm.call("POST", "/client/recording/selection", {"interactionIds": [1], "removeTags": removed})


def tags_of_upload(firm: Firm, count: int) -> Response:
    return firm.send(call(thirdPartyId=f"tags-{count}", tags=names(count, "Sent")))


def endpoints_of_person(firm: Firm, count: int) -> Response:
    owned = [{"type": "phone", "endpoint": f"44{count}1{number:05}"} for number in range(count)]
    return firm.call("PUT", "/admin/person/1", {"endpoints": owned})


def groups_of_person(firm: Firm, count: int) -> Response:
    groups = [{"groupName": one, "groupValue": f"{one}, value"} for one in names(count, "Group")]
    return firm.call("PUT", "/admin/person/1", {"autoGroupAssignment": groups})


CALLS: list[Callable[[Firm, int], Response]] = [
    tags_of_recording,
    tags_of_selection,
    tags_taken_away,
    tags_of_upload,
    endpoints_of_person,
    groups_of_person,
]


@pytest.mark.parametrize("made", CALLS)
def test_a_long_list_takes_as_many_statements_as_a_short_one(
    firm: Firm, made: Callable[[Firm, int], Response]
) -> None:
    firm.ingest(endpoints=[endpoint("447896423595", subject=True, person=person("Ada Ash"))])
    for count in (FEW, MANY):
        firm.ingest(thirdPartyId=f"known-{count}", tags=names(count // 4, "Known"))
    asked: dict[int, list[Any]] = {}
    for count in (FEW, MANY):
        with statements_of(firm.archive.engine) as statements:
            response = made(firm, count)
        assert response.is_success, response.text
        asked[count] = list(statements)
    assert len(asked[MANY]) <= len(asked[FEW]) + 2
