"""Bad input is refused with a problem that names what is wrong, never with a server error."""

import json
from typing import Any

import pytest
from httpx2 import Response

from earwitness.kernel.errors import BadRequest
from earwitness.kernel.rights import Right
from earwitness.operations import operations
from earwitness.operations.decode import decode
from earwitness.operations.operations import Call
from tests.firm import Firm, call, tone

SEARCH = "/client/recording.search"
DETAIL = "/client/recording.detail.get"


def send(firm: Firm, body: str | bytes, path: str = SEARCH, **headers: str) -> Response:
    sent = firm.headers() | {name.replace("_", "-"): value for name, value in headers.items()}
    return firm.client.post(f"/api{path}", content=body, headers=sent)


def problem(response: Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = response.json()
    assert told.keys() >= {"type", "title", "status", "detail", "instance", "code"}
    assert told["status"] == status
    for secret in ("Traceback", "SELECT", "sqlalchemy", ".py", "archive.db"):
        assert secret not in response.text
    return told


def paths(response: Response) -> list[str]:
    """Where the faults of a 400 lie."""
    return [fault["path"] for fault in problem(response, 400)["errors"]]


def messages(response: Response) -> list[str]:
    return [fault["message"] for fault in problem(response, 400)["errors"]]


FAULTS = {
    '{"freeText": "a\\u0000b"}': "freeText",
    '{"freeText": "\\ud800"}': "freeText",
    '{"thirdPartyIds": {"include": ["x", "\\udc00y"]}}': "thirdPartyIds.include[1]",
    '{"legalHoldId": 9223372036854775808}': "legalHoldId",
    '{"legalHoldId": 9007199254740992}': "legalHoldId",
    '{"legalHoldId": -9007199254740992}': "legalHoldId",
    '{"recordingIds": {"include": [1, 9223372036854775807]}}': "recordingIds.include[1]",
    '{"durationRangeInSeconds": {"min": 1e400}}': "durationRangeInSeconds.min",
    '{"legalHoldId": -1}': "legalHoldId",
    '{"legalHoldId": 0}': "legalHoldId",
    '{"legalHoldId": true}': "legalHoldId",
    '{"legalHoldId": "1"}': "legalHoldId",
    '{"legalHoldId": 1.5}': "legalHoldId",
    '{"recordingIds": {"exclude": [0]}}': "recordingIds.exclude[0]",
    '{"page": 0}': "page",
    '{"pageSize": 1001}': "pageSize",
    '{"page": 1, "page": 2}': "page",
    '{"recordingIds": {"include": [1], "include": [2]}}': "include",
    '{"dateTimeRange": {"from": 20260512}}': "dateTimeRange.from",
    '{"dateTimeRange": {"from": "2026-13-01"}}': "dateTimeRange.from",
    '{"dateTimeRange": {"from": "2026-05-13", "to": "2026-05-12"}}': "dateTimeRange",
    '{"hasComments": "yes"}': "hasComments",
    '{"direction": "inward"}': "direction",
}
"""A body, and where its fault lies."""


def test_a_fault_is_named_by_its_path(firm: Firm) -> None:
    assert {body: paths(send(firm, body)) for body in FAULTS} == {
        body: [path] for body, path in FAULTS.items()
    }


NO_JSON: list[str | bytes] = [
    "{",
    "{'page': 1}",
    "[1",
    '{"page": 1} x',
    '{"page": NaN}',
    '{"page": -Infinity}',
    '{"page": ' + "9" * 5000 + "}",
    "[" * 100_000,
    '{"a":' * 50_000,
    "\ufeff{}",
    b'{"freeText": "\xff"}',
    b"\x00",
]


def test_a_body_that_is_no_json_is_refused(firm: Firm) -> None:
    for body in NO_JSON:
        assert paths(send(firm, body)) == [""], body[:20]


def test_a_body_that_is_no_object_is_refused(firm: Firm) -> None:
    for body in ("[]", "1", '"x"', "null", "true"):
        problem(send(firm, body), 400)


def test_nesting_is_taken_as_deep_as_32_and_no_deeper(firm: Firm) -> None:
    deep = "[" * 31 + "]" * 31
    assert messages(send(firm, f'{{"freeText": {deep}}}')) == ["expected a string or null, got an array"]
    assert "nested deeper" in messages(send(firm, f'{{"freeText": [{deep}]}}'))[0]


def test_a_fault_says_in_words_what_is_expected(firm: Firm) -> None:
    said = {
        '{"timeRanges": {"include": [{"from": "9.30", "to": "17:00"}]}}': "a time of day like 09:30",
        '{"dateTimeRange": {"from": 5}}': "a time like 2026-05-12T10:30:00.000Z",
        '{"pageSize": 1001}': "an integer of at most 1000",
        '{"durationRangeInSeconds": {"min": "1"}}': "a number or null, got a string",
    }
    assert {body: messages(send(firm, body)) for body in said} == {
        body: [f"expected {words}"] for body, words in said.items()
    }
    policy = firm.call("POST", "/admin/accessPolicy", {"name": "x", "communicationTypes": ["SMS"]})
    assert messages(policy) == ["expected a word in lower case, such as phone or sms"]


def test_unknown_fields_and_query_parameters_are_named_with_the_nearest_known(firm: Firm) -> None:
    refused = problem(send(firm, '{"pagesize": 1, "nothingLikeIt": 2}'), 400)["errors"]
    assert refused == [
        {"path": "pagesize", "message": "unknown: did you mean pageSize?"},
        {"path": "nothingLikeIt", "message": "unknown"},
    ]
    assert paths(send(firm, '{"nothingLikeIt": null}')) == ["nothingLikeIt"]
    assert paths(send(firm, "{}", f"{SEARCH}?page=1")) == ["page"]
    misspelt = firm.call("GET", "/client/recording/comment?recordingID=1")
    assert ("recordingID", "unknown: did you mean recordingId?") in [
        (fault["path"], fault["message"]) for fault in problem(misspelt, 400)["errors"]
    ]
    twice = firm.call("GET", "/client/recording/comment?recordingId=1&recordingId=2")
    assert messages(twice) == ["given twice"]


@operations.write("/nothing", right=Right.RECORDING_VIEW)
def takes_nothing(_call: Call) -> None:
    """Do nothing, with nothing."""


def test_a_call_without_parameters_names_those_that_are_sent(firm: Firm) -> None:
    for method, path in (("GET", "/admin/retentionGroup"), ("GET", "/admin/tag"), ("DELETE", "/admin/tag/1")):
        refused = firm.call(method, f"{path}?foo=1&page=2")
        assert problem(refused, 400)["errors"] == [
            {"path": "foo", "message": "unknown query parameter"},
            {"path": "page", "message": "unknown query parameter"},
        ]
    with pytest.raises(BadRequest, match="expected no body"):
        decode(takes_nothing, {"foo": 1})


def test_more_ids_than_are_taken_at_once_are_refused(firm: Firm) -> None:
    assert paths(send(firm, json.dumps({"interactionIds": list(range(1, 1002))}), DETAIL)) == [
        "interactionIds"
    ]
    many = {"recordingIds": {"include": list(range(1, 10_002))}}
    assert paths(send(firm, json.dumps(many))) == ["recordingIds.include"]


OTHER_CONTENT_TYPES = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/xml",
    "multipart/form-data; boundary=x",
    "application/json; charset=latin-1",
    "application/json; charset=utf-16",
    "application/jsonx",
]


def test_other_content_types_are_refused(firm: Firm) -> None:
    for content_type in OTHER_CONTENT_TYPES:
        response = send(firm, "{}", content_type=content_type)
        assert problem(response, 415)["code"] == "unsupported-media-type"


def test_json_is_taken_with_its_content_type_or_with_none(firm: Firm) -> None:
    for content_type in (
        "",
        "application/json",
        "Application/JSON; Charset=UTF-8",
        'application/json; charset="utf-8"',
    ):
        assert send(firm, "{}", content_type=content_type).status_code == 200
    assert send(firm, "").status_code == 200


def test_a_body_of_a_mebibyte_is_taken_and_a_byte_more_is_not(firm: Firm) -> None:
    assert send(firm, "{}".ljust(1 << 20)).status_code == 200
    told = problem(send(firm, "{}".ljust((1 << 20) + 1)), 413)
    assert (told["code"], told["detail"]) == ("too-large", "Expected a body of at most 1048576 bytes.")

    def unannounced() -> Any:
        yield from (b" " * 65_536 for _ in range(17))

    response = firm.client.post(f"/api{SEARCH}", content=unannounced(), headers=firm.headers())
    problem(response, 413)


def test_a_path_with_an_invalid_id_is_refused(firm: Firm) -> None:
    zeros_before = "0" * 19 + "1" + "9" * 30
    for path_id in ("0", "-1", "abc", "1.5", "9007199254740992", "9" * 400, "%D9%A1", "1%00", zeros_before):
        assert paths(firm.call("PUT", f"/admin/tag/{path_id}", {"tag": "x"})) == ["id"], path_id
        assert paths(firm.call("DELETE", f"/admin/tag/{path_id}")) == ["id"], path_id


def test_unknown_paths_and_methods_are_problems_too(firm: Firm) -> None:
    assert problem(firm.call("GET", "/client/recording.serach"), 404)["code"] == "not-found"
    response = firm.call("GET", SEARCH)
    assert problem(response, 405)["code"] == "method-not-allowed"
    assert "POST" in response.headers["allow"]


def multipart(firm: Firm, body: bytes, content_type: str = "multipart/form-data; boundary=cut") -> Response:
    headers = firm.headers() | {"Content-Type": content_type}
    return firm.client.post("/api/ingest/recording", content=body, headers=headers)


def form(*parts: tuple[str, bytes], end: bytes = b"--cut--\r\n") -> bytes:
    head = b'--cut\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
    return b"".join(head % (name.encode(), content) for name, content in parts) + end


def test_a_recording_that_is_cut_off_leaves_nothing_behind(firm: Firm) -> None:
    whole = form(("metadata", json.dumps(call()).encode()), ("media", tone()))
    for length in (0, 10, len(whole) // 2, len(whole) - 12):
        problem(multipart(firm, whole[:length]), 400)
    assert firm.search() == []
    assert multipart(firm, whole).status_code == 201


def test_invalid_parts_of_a_recording_are_named(firm: Firm) -> None:
    assert paths(multipart(firm, form(("media", b"x")))) == ["metadata"]
    assert paths(multipart(firm, form(("metadata", b"[]")))) == ["metadata"]
    assert paths(multipart(firm, form(("metadata", b"{}"), ("metadata", b"{}")))) == ["metadata"]
    assert paths(multipart(firm, form(("metadata", b"{}"), ("picture", b"x")))) == ["picture"]


def test_a_recording_is_accepted_only_as_a_form(firm: Firm) -> None:
    metadata = json.dumps(call()).encode()
    problem(multipart(firm, metadata, "application/json"), 415)
    problem(multipart(firm, form(("metadata", metadata)), "multipart/form-data"), 415)
    problem(multipart(firm, form(("metadata", metadata), end=b"")), 400)


def test_an_invalid_token_is_unauthorized(firm: Firm) -> None:
    for token in (b"", b"x", b"Bearer", b"Bearer x.y.z", b"Basic YTpi", b"Bearer \xc3\xa9", b"Bearer \xff"):
        response = firm.client.post(f"/api{SEARCH}", json={}, headers=[(b"Authorization", token)])
        problem(response, 401)
        assert response.headers["www-authenticate"].startswith("Bearer")
