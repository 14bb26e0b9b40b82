"""Declares routes that need no sign-in."""

from collections.abc import Callable
from typing import Any

from litestar.handlers import HTTPRouteHandler

from earwitness.http.openapi.operations import NOTHING, Describes

MOST_BODY_BYTES = 16 << 10
"""The largest body without sign-in. The longest sign-in, with a name in any script, fills a quarter of it."""


def public(
    path: str | list[str], method: str = "GET", *, describes: Describes = NOTHING
) -> Callable[[Callable[..., Any]], HTTPRouteHandler]:
    """Declare a route that is open to everybody. `describes` is for the documentation of the API."""

    def declare(handler: Callable[..., Any]) -> HTTPRouteHandler:
        return HTTPRouteHandler(
            path,
            http_method=method,  # type: ignore[arg-type]
            status_code=200,
            opt={"public": True, "describes": describes},
            include_in_schema=False,
            request_max_body_size=MOST_BODY_BYTES,
        )(handler)

    return declare
