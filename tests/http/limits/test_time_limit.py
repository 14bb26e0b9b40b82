"""A call that takes too long is stopped; the next one is answered."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import text

from earwitness.app import API, build
from earwitness.archive.spelling.tokens import Reading
from earwitness.archive.text.query import Node
from earwitness.kernel.logs import JsonLines
from earwitness.kernel.rights import Right
from earwitness.kernel.settings import Settings
from earwitness.operations import operations
from earwitness.operations.operations import Call
from tests.firm import Firm, transcript

WITHOUT_END = text(
    "WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n % 1000 + 1 FROM counted)"
    " SELECT count(*) FROM counted"
)


@operations.read("/count-forever", right=Right.RECORDING_VIEW)
def count_forever(call: Call) -> int:
    """Count without end."""
    return int(call.connection.execute(WITHOUT_END).scalar_one())


@operations.read("/ask-forever", right=Right.RECORDING_VIEW)
def ask_forever(call: Call) -> int:
    """Make quick queries without end."""
    while True:
        call.connection.scalar(text("SELECT 1"))


@operations.read("/ask-twice", right=Right.RECORDING_VIEW)
def ask_twice(call: Call) -> int:
    """Make two queries that each take less time than is allowed, and together more."""
    is_sqlite = call.connection.dialect.name == "sqlite"
    for _ in range(2):
        call.connection.execute(WITHOUT_END if is_sqlite else text("SELECT pg_sleep(0.6)"))
    return 2


@pytest.fixture
def firm(settings: Settings) -> Iterator[Firm]:
    hurried = replace(settings, request_seconds=1)
    with Firm(hurried, build(hurried, routes=[*API, count_forever, ask_forever, ask_twice])) as firm:
        yield firm


@pytest.mark.parametrize("path", ["/count-forever", "/ask-forever"])
def test_a_call_out_of_time_is_logged_as_such(
    firm: Firm, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.handler.setFormatter(JsonLines())
    answer = firm.call("POST", path)
    [line] = [json.loads(one) for one in caplog.text.splitlines()]
    assert (line["level"], line["message"]) == ("WARNING", "request")
    assert (line["status"], line["code"]) == (503, "out-of-time")
    assert (line["method"], line["route"]) == ("POST", f"/api{path}")
    assert line["requestId"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize("path", ["/count-forever", "/ask-forever", "/ask-twice"])
def test_a_call_out_of_time_is_told_so_and_later_calls_are_answered(firm: Firm, path: str) -> None:
    firm.ingest()
    answer = firm.call("POST", path)
    assert (answer.status_code, answer.json()["code"]) == (503, "out-of-time")
    assert "dateTimeRange" in answer.json()["detail"]
    for _ in range(3):
        assert firm.search() == ["call-1"]


def test_looking_for_passages_ends_with_the_time_of_the_call(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        firm.ingest(thirdPartyId=f"call-{number}", transcript=transcript("Sell."))
    passed, looked_through = [0.0], list[str]()

    def look_through(text: str, node: Node | None, reading: Reading) -> str:
        passed[0] += 0.4
        looked_through.append(text)
        return text

    monkeypatch.setattr("earwitness.api.recordings.search_rows.snippet", look_through)
    monkeypatch.setattr("earwitness.archive.database.time_limits.monotonic", lambda: passed[0])
    answer = firm.call("POST", "/client/recording.search", {"freeText": "sell"})
    assert (answer.status_code, answer.json()["code"]) == (503, "out-of-time")
    assert len(looked_through) == 3
