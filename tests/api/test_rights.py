"""Every route declares its right: 401 without a token, 403 without the right."""

from typing import Any

import pytest
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler, get
from litestar.routes import HTTPRoute

from earwitness.app import RightNotStatedError, build
from earwitness.kernel.settings import Settings
from tests.firm import ADMIN, Firm

NOBODY = "nobody@example.com"


def handlers(app: Litestar) -> list[tuple[str, str, HTTPRouteHandler]]:
    """Every method, path and handler, with 1 for what a path names."""
    found: list[tuple[str, str, HTTPRouteHandler]] = []
    for route in app.routes:
        assert isinstance(route, HTTPRoute)
        path = "".join(f"/{part if isinstance(part, str) else '1'}" for part in route.path_components)
        for handler in route.route_handlers:
            found.extend((method, path, handler) for method in handler.http_methods if method != "OPTIONS")
    return found


def test_every_route_needs_a_token_unless_it_is_public(firm: Firm) -> None:
    walked = [(method, path) for method, path, handler in handlers(firm.app) if "public" not in handler.opt]
    assert len(walked) > 40
    for method, path in walked:
        response = firm.client.request(method, path)
        assert response.status_code == 401, (method, path)
        assert response.headers["www-authenticate"].startswith("Bearer")


def test_every_route_needs_its_right_and_names_it(firm: Firm) -> None:
    firm.add_user(NOBODY, [])
    for method, path, handler in handlers(firm.app):
        if "public" in handler.opt:
            continue
        response = firm.client.request(method, path, headers=firm.headers(NOBODY))
        assert response.status_code == 403, (method, path, response.text)
        rights: Any = handler.opt["right"]
        if method != "HEAD":
            assert all(
                str(right) in response.json()["detail"]
                for right in (rights if isinstance(rights, tuple) else (rights,))
            )


def test_public_routes_are_few_and_known(firm: Firm) -> None:
    public = {path or "/" for _, path, handler in handlers(firm.app) if "public" in handler.opt}
    assert public == {
        "/",
        "/api/authWithApiKey",
        "/api/authWithAPIKey",
        "/api/auth/refresh",
        "/api/client/recording/1/media-url",
        "/api/schema",
        "/api/schema/openapi.json",
        "/healthz",
        "/readyz",
        "/metrics",
    }


def test_an_application_with_a_route_that_states_no_right_does_not_start(settings: Settings) -> None:
    @get("/open", sync_to_thread=False)
    def opened() -> str:
        return "to anybody"

    with pytest.raises(RightNotStatedError, match="/open"):
        build(settings, routes=[opened])


def test_an_unknown_path_is_a_problem_like_any_other(firm: Firm) -> None:
    response = firm.call("GET", "/nowhere", as_user=ADMIN)
    assert (response.status_code, response.json()["code"]) == (404, "not-found")
    assert response.headers["content-type"].startswith("application/problem+json")
