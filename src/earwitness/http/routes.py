"""Declares routes whose handlers need HTTP itself. All others are operations (`http/operations.py`)."""

from collections.abc import Callable
from typing import Any

from litestar.handlers import HTTPRouteHandler

from earwitness.http.openapi.operations import NOTHING, Describes
from earwitness.http.operations import MAX_BODY_BYTES, litestar_path
from earwitness.kernel.rights import Right
from earwitness.operations.operations import Method

MOST_PUBLIC_BYTES = 16 << 10
"""The largest body without sign-in. The longest sign-in, with a name in any script, fills a quarter of it."""

Declare = Callable[[Callable[..., Any]], HTTPRouteHandler]


def public(path: str | list[str], *methods: Method, describes: Describes = NOTHING) -> Declare:
    """Declare a route that needs no sign-in, of GET unless `methods` say otherwise.

    `describes` is for the documentation of the API.
    """
    options = {"public": True, "describes": describes}
    return _route(path, methods or ("GET",), options, 200, MOST_PUBLIC_BYTES)


def signed_in(
    path: str,
    *methods: Method,
    right: Right,
    describes: Describes,
    status: int = 200,
    most_bytes: int | None = MAX_BODY_BYTES,
) -> Declare:
    """Declare a route that needs a right. Its handler reads the token and checks the right.

    A body may have `most_bytes`, or any size with None.
    """
    return _route(path, methods, {"right": right, "describes": describes}, status, most_bytes)


def _route(
    path: str | list[str],
    methods: tuple[Method, ...],
    options: dict[str, object],
    status: int,
    most_bytes: int | None,
) -> Declare:
    paths = [path] if isinstance(path, str) else path
    return HTTPRouteHandler(
        [litestar_path(one) for one in paths],
        http_method=methods,
        status_code=status,
        opt=options,
        include_in_schema=False,
        request_max_body_size=most_bytes,
    )
