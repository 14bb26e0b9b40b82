"""Paging with `recordingsSearchToken`: each recording comes once, whatever is written meanwhile."""

import base64
import json
import struct
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import update

from earwitness.archive.schema.recordings import recordings
from earwitness.archive.search.plan import FEW
from earwitness.cli.operator import action
from earwitness.ingest.incoming_recording import receive
from earwitness.kernel.clock import now_ms
from earwitness.kernel.rights import Right
from earwitness.kernel.settings import Settings
from earwitness.operations.signing_key import SigningKey
from tests.firm import ADMIN, CLIENT_ID, Firm, call, endpoint, transcript

WRITERS, WRITTEN = 10, 5


def test_a_reader_sees_each_recording_once_while_ten_writers_ingest(firm: Firm) -> None:
    for number in range(30):
        firm.ingest(**call(thirdPartyId=f"first-{number}"))

    def write(writer: int) -> None:
        for number in range(WRITTEN):
            with receive(firm.archive) as reception:
                metadata = call(thirdPartyId=f"later-{writer}-{number}")
                reception.accept(json.dumps(metadata).encode(), action("test", "Ingest"))

    seen: list[str] = []
    token: dict[str, str] = {}
    with ThreadPoolExecutor(WRITERS) as writers:
        writing = None
        for number in range(1, 12):
            page = firm.post("/client/recording.search", {"pageSize": 3, "page": number, **token})
            writing = writing or [writers.submit(write, writer) for writer in range(WRITERS)]
            seen += [recording["thirdPartyId"] for recording in page["recordings"]]
            token = {"recordingsSearchToken": page["recordingsSearchToken"]}
            assert page["total"] == 30
        for one in writing or []:
            one.result()
    assert sorted(seen) == sorted(f"first-{number}" for number in range(30))
    assert firm.post("/client/recording.search", {})["total"] == 30 + WRITERS * WRITTEN


FILTERS: list[dict[str, Any]] = [
    {},
    {"dateTimeRange": {"from": "2026-05-12T10:30:00Z", "to": "2026-05-12T10:30:01Z"}, "direction": "In"},
    {"freeText": "shares"},
    {"freeText": "-shares"},
    {"freeText": "shares gold"},
    {"endpointIds": {"include": [1]}, "freeText": "gold"},
    {"endpointIds": {"exclude": [1]}},
    {"endpointIds": {"exclude": [1, 2]}, "hasComments": False, "freeText": "-bonds"},
]


@pytest.mark.parametrize("few", [FEW, 1])
@pytest.mark.parametrize("as_user", [ADMIN, "nosy@example.com"])
def test_a_search_with_a_token_finds_what_it_found_at_first(
    firm: Firm, monkeypatch: pytest.MonkeyPatch, as_user: str, few: int
) -> None:
    monkeypatch.setattr("earwitness.archive.search.search.NEWER_AT_MOST", few)
    firm.add_user("nosy@example.com", [Right.RECORDING_VIEW, Right.RECORDING_TRANSCRIPTION_VIEW])
    _ingest_all_kinds(firm, "first")
    begun = [firm.post("/client/recording.search", wanted, as_user=as_user) for wanted in FILTERS]
    _ingest_all_kinds(firm, "later")
    for wanted, first in zip(FILTERS, begun, strict=True):
        token = {"recordingsSearchToken": first["recordingsSearchToken"]}
        again = firm.post("/client/recording.search", wanted | token, as_user=as_user)
        assert (again["total"], again["recordings"]) == (first["total"], first["recordings"])
        anew = firm.post("/client/recording.search", wanted, as_user=as_user)
        assert anew["total"] == 2 * first["total"] > 0


def _ingest_all_kinds(firm: Firm, name: str) -> None:
    for number, said in enumerate(["shares", "gold", "shares gold", "bonds", "silver"]):
        for other in "12":
            firm.ingest(
                **call(
                    thirdPartyId=f"{name}-{number}-{other}",
                    isPrivate=number == 2 and other == "2",
                    direction="In",
                    endpoints=[endpoint(f"44{other}"), endpoint(f"33{number}")],
                    transcript=transcript(said),
                )
            )


def test_pages_with_a_token_do_not_shift_when_recordings_arrive(firm: Firm) -> None:
    for number in range(1, 6):
        firm.ingest(**call(thirdPartyId=f"call-{number}"))
    first = firm.post("/client/recording.search", {"pageSize": 2})
    token = first["recordingsSearchToken"]
    for number in range(6, 9):
        firm.ingest(**call(thirdPartyId=f"call-{number}"))
    pages = [first] + [
        firm.post("/client/recording.search", {"pageSize": 2, "page": n, "recordingsSearchToken": token})
        for n in (2, 3)
    ]
    assert [one["interactionId"] for page in pages for one in page["recordings"]] == [5, 4, 3, 2, 1]
    assert [page["total"] for page in pages] == [5, 5, 5]
    assert firm.post("/client/recording.search", {})["total"] == 8


@pytest.mark.parametrize("order", ["ASC", "DESC"])
@pytest.mark.parametrize("wanted", [{}, {"freeText": "call*"}, {"endpointIds": {"include": [1]}}])
def test_any_page_is_the_same_with_the_token_of_any_other(
    firm: Firm, order: str, wanted: dict[str, Any]
) -> None:
    for number in range(1, 8):
        firm.ingest(**call(thirdPartyId=f"call-{number}"))
    search = {"pageSize": 2, "startTimeDirection": order, **wanted}

    def page(number: int, **token: str) -> Any:
        return firm.post("/client/recording.search", {"page": number, **search, **token})

    pages = {number: page(number) for number in range(1, 6)}
    found = {number: one["recordings"] for number, one in pages.items()}
    assert [len(found[number]) for number in range(1, 6)] == [2, 2, 2, 1, 0]
    for one in pages.values():
        token = one["recordingsSearchToken"]
        for number in range(1, 6):
            assert page(number, recordingsSearchToken=token)["recordings"] == found[number]


def test_a_reader_misses_nothing_when_an_earlier_page_shrinks(firm: Firm) -> None:
    firm.add_user("reader@example.com", [Right.RECORDING_VIEW])
    for number in range(1, 8):
        firm.ingest(**call(thirdPartyId=f"call-{number}"))
    seen: list[str] = []
    token: dict[str, str] = {}
    for number in range(1, 5):
        wanted = {"pageSize": 2, "page": number, **token}
        page = firm.post("/client/recording.search", wanted, as_user="reader@example.com")
        seen += [recording["thirdPartyId"] for recording in page["recordings"]]
        token = {"recordingsSearchToken": page["recordingsSearchToken"]}
        if number == 1:
            with firm.archive.write() as connection:
                shrunk = recordings.c.third_party_id.in_(seen)
                connection.execute(update(recordings).where(shrunk).values(is_private=True))
    assert seen == [f"call-{number}" for number in range(7, 0, -1)]
    assert page["total"] == 5


SAME_SEARCH: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"startTimeDirection": "DESC"}),
    ({}, {"recordingIds": {}, "tagIds": {"include": []}, "thirdPartyIds": {"include": [], "exclude": None}}),
    ({}, {"freeText": "", "dateTimeRange": {}, "durationRangeInSeconds": {"min": None}}),
    ({}, {"freeText": "  ", "timeRanges": {"include": [], "timeZone": "UTC"}}),
    ({"freeText": "call*"}, {"freeText": " call* "}),
    ({"endpointIds": {"include": [1, 2, 10]}}, {"endpointIds": {"include": [10, 2, 1], "exclude": []}}),
    (
        {"dateTimeRange": {"from": "2026-05-12"}, "communicationTypes": {"include": ["phone", "teams"]}},
        {
            "communicationTypes": {"include": ["teams", "phone"]},
            "dateTimeRange": {"from": "2026-05-12T01:00:00+01:00"},
        },
    ),
    (
        {"timeRanges": {"include": [{"from": "09:00", "to": "17:00"}, {"from": "20:00", "to": "21:00"}]}},
        {"timeRanges": {"include": [{"to": "21:00", "from": "20:00"}, {"to": "17:00", "from": "09:00"}]}},
    ),
    (
        {"communicationTypes": {"include": ["phone", "teams"]}, "endpointIds": {"include": [2, 1]}},
        {
            "communicationTypes": {"include": ["teams", "phone", "phone"]},
            "endpointIds": {"include": [1, 2, 2]},
        },
    ),
    ({"durationRangeInSeconds": {"min": 0}}, {"durationRangeInSeconds": {"min": -0.0}}),
    (
        {"communicationsBetween": {"first": {"endpointIds": [1]}, "second": {"endpointIds": [2, 2]}}},
        {"communicationsBetween": {"first": {"endpointIds": [2]}, "second": {"endpointIds": [1]}}},
    ),
]


@pytest.mark.parametrize(("first", "then"), SAME_SEARCH)
def test_a_search_token_is_accepted_however_the_same_filters_are_written(
    firm: Firm, first: dict[str, Any], then: dict[str, Any]
) -> None:
    for number in (1, 2):
        firm.ingest(**call(thirdPartyId=f"call-{number}"))
    for written, rewritten in ((first, then), (then, first)):
        page = firm.post("/client/recording.search", {"pageSize": 1, **written})
        token = {"recordingsSearchToken": page["recordingsSearchToken"]}
        assert firm.search(pageSize=1, page=2, **rewritten, **token) == ["call-1"]


OTHER_SEARCH: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"startTimeDirection": "ASC"}),
    ({}, {"isPrivate": False}),
    ({}, {"thirdPartyIds": {"include": [""]}}),
    ({"endpointIds": {"include": [1]}}, {"endpointIds": {"exclude": [1]}}),
    ({"endpointIds": {"include": [1]}}, {"personIds": {"include": [1]}}),
    ({"endpointIds": {"include": [1, 2]}}, {"endpointIds": {"include": [12]}}),
    ({"freeText": "a b"}, {"freeText": "ab"}),
    (
        {"communicationsBetween": {"first": {"endpointIds": [1]}, "second": {"endpointIds": [2]}}},
        {"communicationsBetween": {"first": {"endpointIds": [1]}, "second": {"personIds": [2]}}},
    ),
    (
        {"communicationsBetween": {"first": {"endpointIds": [1]}, "second": {"endpointIds": [1]}}},
        {"communicationsBetween": {"first": {"endpointIds": [1]}, "second": {"endpointIds": [1, 2]}}},
    ),
]


@pytest.mark.parametrize(("first", "then"), OTHER_SEARCH)
def test_a_search_token_is_refused_with_other_filters(
    firm: Firm, first: dict[str, Any], then: dict[str, Any]
) -> None:
    for written, other in ((first, then), (then, first)):
        token = firm.post("/client/recording.search", written)["recordingsSearchToken"]
        refused = firm.call("POST", "/client/recording.search", {**other, "recordingsSearchToken": token})
        assert (refused.status_code, refused.json()["code"]) == (400, "search-token")


def test_a_search_token_is_refused_for_another_search_or_user(firm: Firm) -> None:
    firm.add_user("other@example.com", [Right.RECORDING_VIEW])
    token = firm.post("/client/recording.search", {"direction": "In"})["recordingsSearchToken"]
    altered = token[:-1] + ("A" if token[-1] != "A" else "B")
    attempts = [
        ({"direction": "Out", "recordingsSearchToken": token}, ADMIN),
        ({"direction": "In", "recordingsSearchToken": token}, "other@example.com"),
        ({"direction": "In", "recordingsSearchToken": altered}, ADMIN),
        ({"direction": "In", "recordingsSearchToken": "st_"}, ADMIN),
    ]
    for wanted, username in attempts:
        response = firm.call("POST", "/client/recording.search", wanted, as_user=username)
        assert (response.status_code, response.json()["code"]) == (400, "search-token")


def test_a_search_token_from_before_an_upgrade_is_accepted(firm: Firm) -> None:
    """Tokens are good for a day. Earlier versions hid what a token holds in another way."""
    for number in range(1, 4):
        firm.ingest(thirdPartyId=f"call-{number}")
    assert firm.search(recordingsSearchToken=_earlier_token(firm.settings, newest_id=2)) == [
        "call-2",
        "call-1",
    ]
    expired = _earlier_token(firm.settings, newest_id=2, expires_at=now_ms() - 1)
    other = firm.call("POST", "/client/recording.search", {"recordingsSearchToken": expired})
    assert (other.status_code, other.json()["code"]) == (400, "search-token")


def _earlier_token(settings: Settings, *, newest_id: int, expires_at: int | None = None) -> str:
    """A token of the first page of a search of the first user without filters."""
    signing_key = SigningKey(settings)
    content = struct.pack(">QQQQ", newest_id, expires_at or now_ms() + 60_000, 0, 0)
    search = struct.pack(">QQ", CLIENT_ID, 1) + b"{}"
    code = signing_key.code("recordings-search-token", search + content)[:16]
    bits = signing_key.code("recordings-search-token-veil", code)
    hidden = bytes(one ^ bit for one, bit in zip(content, bits, strict=True))
    return "st_" + base64.b32encode(hidden + code).decode().rstrip("=")
