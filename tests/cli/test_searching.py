import json
from collections.abc import Callable
from typing import Any

from tests.firm import CLIENT_ID, Firm, transcript


def test_a_search_finds_and_tells_how(firm: Firm, tell: Callable[..., Any]) -> None:
    firm.ingest(transcript=transcript("Tell them to sell."))

    def search(**filters: Any) -> Any:
        return tell("search", CLIENT_ID, json.dumps(filters), "--explain")

    assert "plan" not in tell("search", CLIENT_ID)
    found = search(freeText="sell", endpointIds={"include": [1]})
    assert (found["total"], found["recordings"][0]["thirdPartyId"]) == (1, "call-1")
    plan = found["plan"]
    assert {plan["leader"].split()[0], *plan["checks"]} == {"freeText", "endpointIds"}
    assert set(plan["milliseconds"]) == {"plan", "page", "total"}
    assert search(dateTimeRange={"from": "2026-05-01"})["plan"]["leader"] == "timeline"
    assert search(freeText="-sell")["plan"]["without"] == ["freeText"]
    short = search(freeText="t*")["plan"]
    in_postgres = firm.settings.database_url
    assert (short["leader"], short["reads"]) == (
        ("freeText", []) if in_postgres else ("timeline", ["freeText"])
    )
