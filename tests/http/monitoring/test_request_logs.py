"""The line of a request in the log: enough to find the request, and no data of the firm."""

import json
import logging
from urllib.parse import parse_qs, urlsplit

import pytest

from earwitness.kernel.logs import JsonLines
from tests.api.serving import server_of
from tests.firm import Firm, tone
from tests.http.connections.raw import connected
from tests.waiting import until


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    for clients_own in ("httpx2", "httpcore2"):
        caplog.set_level(logging.WARNING, clients_own)
    caplog.set_level(logging.DEBUG)
    caplog.handler.setFormatter(JsonLines())
    return caplog


def test_a_request_is_logged_by_the_template_of_its_route(
    firm: Firm, lines: pytest.LogCaptureFixture
) -> None:
    answer = firm.call("PUT", "/ingest/recording/secret-1/transcript", {"segments": []})
    assert answer.status_code == 404
    line = json.loads(lines.text.splitlines()[-1])
    assert (line["method"], line["status"]) == ("PUT", 404)
    assert line["route"] == "/api/ingest/recording/{thirdPartyId}/transcript"
    assert line["requestId"] == answer.headers["X-Request-Id"]
    firm.call("GET", "/nothing/called/secret-1")
    assert json.loads(lines.text.splitlines()[-1])["route"] == "unmatched"


def test_nothing_of_a_path_or_query_is_logged(firm: Firm, lines: pytest.LogCaptureFixture) -> None:
    recording_id = firm.ingest(tone(1), thirdPartyId="secret-1")
    url = firm.post(f"/client/recording/{recording_id}/media-url", {"format": "raw"})["url"]
    [signature] = parse_qs(urlsplit(url).query)["token"]
    assert firm.client.get(url).status_code == 200
    assert firm.client.get(url.replace("/media-url", "/secret-2")).status_code == 404
    assert firm.call("PUT", "/ingest/recording/secret-1/media").status_code >= 400
    assert firm.call("PUT", "/admin/person/secret-3", {}).status_code == 400
    assert firm.call("GET", "/client/recording/comment?recordingId=1&cIdf=secret-4").status_code == 400
    assert lines.text.count('"request"') >= 6
    assert not [one for one in ("secret", signature) if one in lines.text]


def test_a_client_that_leaves_in_the_middle_of_a_body_is_no_server_error(
    firm: Firm, lines: pytest.LogCaptureFixture
) -> None:
    head = [
        "POST /api/client/recording.search HTTP/1.1",
        "Host: localhost",
        f"Authorization: {firm.headers()['Authorization']}",
        "Content-Type: application/json",
        "Content-Length: 100",
    ]
    with server_of(firm) as base_url:
        with connected(base_url) as client:
            client.send("\r\n".join([*head, "", '{"free']))
        until(lambda: '"code":"client-left"' in lines.text, "the line is written")
    [line] = [json.loads(one) for one in lines.text.splitlines() if "client-left" in one]
    assert (line["status"], line["level"]) == (499, "INFO")
