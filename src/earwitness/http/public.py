"""Declares the few calls that need no sign-in."""

from collections.abc import Callable
from typing import Any

from litestar.handlers import HTTPRouteHandler

from earwitness.http.openapi.operations import NOTHING, Describes

MOST_BODY_BYTES = 16 << 10
"""What anybody may send. The longest sign-in, with a name in any script, takes a fourth of it."""


def public(
    path: str | list[str], method: str = "GET", *, describes: Describes = NOTHING
) -> Callable[[Callable[..., Any]], HTTPRouteHandler]:
    """Declare a call that is open to everybody, outright; `describes` is what its documentation says."""

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
