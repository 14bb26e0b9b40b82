"""A question that takes too long is broken off; whoever asks next is answered."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import text

from earwitness.app import API, build
from earwitness.http import road
from earwitness.http.road import Call
from earwitness.kernel.rights import Right
from earwitness.kernel.settings import Settings
from tests.firm import Firm

WITHOUT_END = text(
    "WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n % 1000 + 1 FROM counted)"
    " SELECT count(*) FROM counted"
)


@road.read("/count-forever", right=Right.RECORDING_VIEW)
def count_forever(call: Call) -> int:
    """Count without end."""
    return int(call.connection.execute(WITHOUT_END).scalar_one())


@pytest.fixture
def firm(settings: Settings) -> Iterator[Firm]:
    hurried = replace(settings, request_seconds=1)
    with Firm(hurried, build(hurried, routes=[*API, count_forever])) as firm:
        yield firm


def test_what_takes_too_long_is_said_to_and_the_connection_goes_on(firm: Firm) -> None:
    firm.ingest()
    answer = firm.call("POST", "/count-forever")
    assert (answer.status_code, answer.json()["code"]) == (503, "out-of-time")
    assert "dateTimeRange" in answer.json()["detail"]
    for _ in range(3):
        assert firm.search() == ["call-1"]
