"""Every answer is one that the document names, to valid and to invalid requests."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import Any

import httpx2
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from litestar.handlers import HTTPRouteHandler
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from earwitness.api import health
from earwitness.api.schema import document_of
from earwitness.app import API, build
from earwitness.http.operations import handlers_of
from earwitness.kernel.settings import Settings
from tests.firm import Firm, endpoint, person, tone, transcript

EXAMPLES = 6
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

every_kind = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def copied(settings: Settings, folder: Path) -> Settings:
    copytree(settings.data, folder / "data")
    copytree(settings.keys_folder, folder / "keys")
    return replace(settings, data=folder / "data", keys=folder / "keys")


@pytest.fixture(scope="module")
def filled(fresh_sqlite: Settings, tmp_path_factory: pytest.TempPathFactory) -> Firm:
    """A firm on SQLite with one thing of every kind; closed."""
    with Firm(copied(fresh_sqlite, tmp_path_factory.mktemp("filled"))) as firm:
        fill(firm)
    return firm


@pytest.fixture
def firm(filled: Firm, tmp_path: Path) -> Iterator[Firm]:
    """A copy of that firm, which one test may change."""
    with Firm(copied(filled.settings, tmp_path), keys=filled.keys) as firm:
        yield firm


def fill(firm: Firm) -> None:
    jane = person("Jane Smith", thirdPartyId="AAD-1f2c")
    subject = endpoint("447896423595", subject=True, person=jane)
    other = endpoint("447700900111", originator=True)
    firm.ingest(tone(), transcript=transcript("Sell five hundred."), tags=["a"], endpoints=[subject, other])
    sms: dict[str, Any] = {"type": "sms", "message": "Hello.", "rawSmsIds": ["s-1"]}
    firm.ingest(thirdPartyId="sms-1", endpoints=[subject], **sms)
    firm.post("/client/recording/comment", {"recordingId": 1, "comment": "Verified.", "tag": "b"})


ROUTES = handlers_of([*API, *health.ROUTES])


def calls(handlers: list[HTTPRouteHandler]) -> list[str]:
    return sorted(
        f"{method} {path.replace(':str}', '}')}"
        for handler in handlers
        for path in handler.paths
        for method in handler.http_methods
    )


def takes_something(handler: HTTPRouteHandler) -> bool:
    declared = handler.opt.get("operation") or handler.opt["describes"]
    return declared.takes is not None or any("{" in path for path in handler.paths)


@cache
def schema() -> Any:
    """The document, which is the same for every firm."""
    with TemporaryDirectory() as folder:
        settings = Settings(data=Path(folder, "data"), keys=Path(folder, "keys"), jobs=False)
        return schemathesis.openapi.from_dict(document_of(build(settings)))


def of(call: str) -> APIOperation[Any, Any, Any, Any]:
    method, path = call.replace(":path}", "}").split()
    operation: APIOperation[Any, Any, Any, Any] = schema()[path][method]
    return operation


def send(firm: Firm, case: Any, headers: dict[str, str]) -> httpx2.Response:
    """Send a case to the firm's server, with the same bytes as over a network."""
    root = "" if case.path in {path for handler in health.ROUTES for path in handler.paths} else "/api"
    given = case.as_transport_kwargs(base_url=f"http://testserver.local{root}", headers=headers)
    del given["cookies"]
    request: Any = requests.Request(**given).prepare()
    return firm.client.request(
        request.method, request.url, content=request.body or b"", headers=dict(request.headers)
    )


def check(firm: Firm, call: str, mode: GenerationMode, headers: dict[str, str], checks: list[Any]) -> None:
    @every_kind
    @given(case=of(call).as_strategy(generation_mode=mode))
    def answers(case: Any) -> None:
        case.validate_response(send(firm, case, headers), checks=checks)

    answers()


@pytest.mark.parametrize("call", calls(ROUTES))
def test_a_request_that_fits_gets_a_documented_answer(firm: Firm, call: str) -> None:
    check(firm, call, GenerationMode.POSITIVE, firm.headers(), CHECKS)


@pytest.mark.parametrize("call", calls([one for one in ROUTES if takes_something(one)]))
def test_a_request_that_does_not_fit_is_refused_as_documented(firm: Firm, call: str) -> None:
    check(firm, call, GenerationMode.NEGATIVE, firm.headers(), [*CHECKS, negative_data_rejection])


@pytest.mark.parametrize("call", calls([one for one in ROUTES if "right" in one.opt]))
def test_nothing_is_answered_without_a_token(firm: Firm, call: str) -> None:
    @settings(every_kind, max_examples=3)
    @given(case=of(call).as_strategy())
    def answers(case: Any) -> None:
        response = send(firm, case, {})
        case.validate_response(response, checks=CHECKS)
        assert response.status_code == 401

    answers()
