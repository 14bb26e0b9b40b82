import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from earwitness.archive.access.viewer import PolicyConditions
from earwitness.archive.search.filters import RecordingSearch
from earwitness.archive.search.search import search
from earwitness.cli.calling import operator
from earwitness.kernel.rights import Right
from tests.cli.conftest import Run
from tests.firm import CLIENT_ID, Firm, transcript


@pytest.mark.parametrize("asked", ["t*", "п*", "会"])
def test_a_short_prefix_of_most_recordings_is_read_in_documents(
    firm: Firm, tell: Callable[..., Any], asked: str
) -> None:
    firm.ingest(transcript=transcript("Tell them. Продать после полудня. 会議の後で。"))
    found = tell("search", CLIENT_ID, json.dumps({"freeText": asked}), "--explain")
    assert found["total"] == 1
    assert found["plan"]["reads"] == ([] if firm.settings.database_url else ["freeText"])


def test_a_search_explains_its_plan(firm: Firm, tell: Callable[..., Any]) -> None:
    firm.ingest(transcript=transcript("Tell them to sell."))

    def search(**filters: Any) -> Any:
        return tell("search", CLIENT_ID, json.dumps(filters), "--explain")

    assert "plan" not in tell("search", CLIENT_ID)
    found = search(freeText="sell", endpointIds={"include": [1]})
    assert (found["total"], found["recordings"][0]["thirdPartyId"]) == (1, "call-1")
    plan = found["plan"]
    assert {plan["leader"].split()[0], *plan["checks"]} == {"freeText", "endpointIds"}
    assert list(plan["milliseconds"]) == ["plan", "page", "total", "rows"]
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
def test_a_fault_in_the_filters_is_shown_with_its_place(
    firm: Firm, run: Run, filters: str, told: str
) -> None:
    assert run("search", CLIENT_ID, filters, exit_code=1).stderr == f"earwitness: {told}"
    in_json = json.loads(run("search", CLIENT_ID, filters, "--json", exit_code=1).stdout)
    assert in_json == {"error": told.partition("\n")[0]}


def test_the_plan_names_the_column_conditions(firm: Firm, tell: Callable[..., Any]) -> None:
    firm.ingest()
    wanted = {
        "direction": "In",
        "isPrivate": False,
        "communicationTypes": {"include": ["phone"], "exclude": ["sms"]},
        "recordingIds": {"exclude": [2]},
        "thirdPartyIds": {"exclude": ["call-2"]},
        "durationRangeInSeconds": {"min": 1, "max": 600},
        "timeRanges": {"include": [{"from": "09:00", "to": "17:00"}]},
    }
    plan = tell("search", CLIENT_ID, json.dumps(wanted), "--explain")["plan"]
    assert plan["facts"] == [
        "direction",
        "isPrivate",
        "communicationTypes",
        "communicationTypes.exclude",
        "recordingIds.exclude",
        "thirdPartyIds.exclude",
        "durationRangeInSeconds",
        "timeRanges",
    ]


def test_the_plan_of_a_limited_viewer_names_the_limits(firm: Firm) -> None:
    policy = PolicyConditions(communication_types=["phone"])
    viewer = replace(operator(CLIENT_ID), policies=(policy,), rights=frozenset({Right.RECORDING_VIEW}))
    with firm.archive.read() as connection:
        plan = search(connection, RecordingSearch(), viewer).plan
    assert [condition.name for condition in plan.columns] == ["accessPolicies.communicationTypes"]
    assert [excluded.name for excluded in plan.excluded] == ["private"]


def test_a_total_that_comes_with_the_page_has_no_time_of_its_own(
    firm: Firm, tell: Callable[..., Any]
) -> None:
    firm.ingest(transcript=transcript("Tell them to sell."))

    def times(**filters: Any) -> Any:
        return tell("search", CLIENT_ID, json.dumps(filters), "--explain")["plan"]["milliseconds"]

    assert times(freeText="sell")["total"] == "with the page"
    apart = times(communicationTypes={"include": ["phone"]})
    assert all(isinstance(part, float) for part in apart.values())


def test_the_plan_is_shown_in_lines_without_json(firm: Firm, run: Run) -> None:
    firm.ingest(transcript=transcript("Tell them to sell."))
    wanted = {"freeText": "sell", "direction": "In", "dateTimeRange": {"from": "2026-05-01"}}
    said = run("search", CLIENT_ID, json.dumps(wanted), "--explain").stdout
    _, *lines = said[said.index("Plan") :].splitlines()
    assert "{" not in said
    told = {line.split()[0]: line.split(maxsplit=1)[1] for line in lines if line.startswith("  ")}
    assert told["leader"].startswith("freeText")
    assert told["window"] == "2026-05-01T00:00:00.000Z to …"
    assert (told["checks"], told["facts"], told["total"]) == ("none", "direction", "with the page")
    assert re.fullmatch(r"\d+\.\d ms", told["rows"])


def test_a_search_continues_with_the_token_of_its_first_page(
    firm: Firm, tell: Callable[..., Any], run: Run
) -> None:
    for number in range(3):
        firm.ingest(thirdPartyId=f"call-{number}")
    first = tell("search", CLIENT_ID, '{"pageSize": 2}')
    firm.ingest(thirdPartyId="late")

    def onward(token: str) -> str:
        return json.dumps({"pageSize": 2, "page": 2, "recordingsSearchToken": token})

    second = tell("search", CLIENT_ID, onward(first["recordingsSearchToken"]))
    assert [one["thirdPartyId"] for one in second["recordings"]] == ["call-0"]
    assert (first["total"], second["total"]) == (3, 3)
    refused = run("search", CLIENT_ID, onward("st_x"), exit_code=1)
    assert refused.stderr == "earwitness: recordingsSearchToken: not a search token\n"
