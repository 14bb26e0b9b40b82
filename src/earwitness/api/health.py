"""Operations at the root: whether the server lives, and whether it can serve."""

from typing import Any

from anyio import to_thread
from litestar import Request, Response
from sqlalchemy import text

from earwitness.http.installation import Installation
from earwitness.http.public import public
from earwitness.http.road import encode


@public("/healthz")
async def alive() -> dict[str, str]:
    """Answer as long as the process lives."""
    return {"status": "alive"}


@public("/readyz")
async def ready(request: Request[Any, Any, Any]) -> Response[Any]:
    """Answer 200 once databases can be read, else 503."""
    installation: Installation = request.app.state.installation
    await to_thread.run_sync(_look, installation)
    return encode({"status": "ready"}, 200)


def _look(installation: Installation) -> None:
    with installation.accounts.directory.connect() as connection:
        connection.execute(text("SELECT 1"))


ROUTES = [alive, ready]
