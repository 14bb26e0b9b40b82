"""The methods that no route declares: HEAD where there is GET, and OPTIONS, which names all methods."""

import httpx2
import pytest
from litestar.routes import HTTPRoute

from tests.api.serving import server_of
from tests.firm import Firm

CALLS = [
    "/healthz",
    "/readyz",
    "/metrics",
    "/api/schema",
    "/api/schema/openapi.json",
    "/api/admin/tag",
    "/api/admin/legalHold/1",
    "/api/client/recording/comment?recordingId=1",
    "/api/client/recording/comment?recordingId=x",
    "/api/client/recording/comment?recordingId=99",
]


def test_head_answers_the_headers_of_get_and_no_more(firm: Firm) -> None:
    firm.ingest()
    with server_of(firm) as base_url, httpx2.Client(base_url=httpx2.URL(base_url).join("/")) as client:
        for path in CALLS:
            get, head = (client.request(method, path, headers=firm.headers()) for method in ("GET", "HEAD"))
            assert (head.status_code, head.content) == (get.status_code, b""), path
            assert head.headers["content-type"] == get.headers["content-type"], path
            assert int(head.headers["content-length"]) > 0, path
        assert client.head("/api/admin/tag").status_code == 401
        assert client.head("/api/nothing").status_code == 404


def allowed(response: httpx2.Response) -> set[str]:
    return set(response.headers["allow"].split(", "))


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/healthz", "GET HEAD OPTIONS"),
        ("/api/client/recording.search", "OPTIONS POST"),
        ("/api/client/recording/comment", "DELETE GET HEAD OPTIONS POST"),
        ("/api/admin/tag/1", "DELETE OPTIONS PUT"),
        ("/api/admin/retentionGroup/accountDefault", "OPTIONS PUT"),
        ("/api/client/recording/1/media-url", "GET HEAD OPTIONS POST"),
        ("/api/ingest/recording/a%2Fb/media", "OPTIONS PUT"),
    ],
)
def test_options_and_a_refused_method_name_all_methods(firm: Firm, path: str, methods: str) -> None:
    options = firm.client.options(path)
    assert (options.status_code, options.content) == (204, b"")
    assert allowed(options) == set(methods.split())
    refused = firm.client.patch(path)
    assert refused.status_code == 405
    assert allowed(refused) == set(methods.split())


def test_options_name_the_methods_that_each_route_answers(firm: Firm) -> None:
    for route in firm.app.routes:
        assert isinstance(route, HTTPRoute)
        path = route.path_format.replace("{", "").replace("}", "")
        assert allowed(firm.client.options(path)) >= {*route.methods}, path


def test_an_unknown_path_has_no_options(firm: Firm) -> None:
    assert firm.client.options("/api/nothing").status_code == 404
