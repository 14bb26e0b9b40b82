import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.conftest import Run
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


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        (
            '{"freeText": "gold (fish"}',
            "freeText: expected a closing parenthesis for this one, at position 5\n  gold (fish\n       ^\n",
        ),
        (
            '{"freeText": "東京 (fish"}',
            "freeText: expected a closing parenthesis for this one, at position 3\n  東京 (fish\n       ^\n",
        ),
        (
            '{"freeText": gold}',
            'expected JSON: Expecting value, at position 13\n  {"freeText": gold}\n               ^\n',
        ),
        (
            '{"freeText": "gold\\n(fish"}',
            "freeText: expected a closing parenthesis for this one, at position 5\n",
        ),
    ],
    ids=["words", "wide words", "JSON", "two lines"],
)
def test_what_cannot_be_read_is_said_with_its_place(firm: Firm, run: Run, filters: str, told: str) -> None:
    assert run("search", CLIENT_ID, filters, exit_code=1).stderr == f"earwitness: {told}"
    in_json = json.loads(run("search", CLIENT_ID, filters, "--json", exit_code=1).stdout)
    assert in_json == {"error": told.partition("\n")[0]}
