"""Operations at the root: whether the server lives, whether it can serve, and what it counts."""

import hmac
import shutil
import tempfile
from typing import Any, Literal

from anyio import to_thread
from litestar import Response
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from earwitness.archive.databases import reading, writing
from earwitness.http.installation import Installation
from earwitness.http.metrics import CONTENT_TYPE
from earwitness.http.openapi.operations import Describes
from earwitness.http.public import public
from earwitness.http.road import AnyRequest, encode
from earwitness.http.signed_in import peer_of
from earwitness.kernel.errors import Forbidden, Unavailable
from earwitness.kernel.wire import Wire
from earwitness.media.differing import Differs
from earwitness.media.keys import KeysMissing, KeysUnusable

_FORWARDING = ("forwarded", "x-forwarded-for", "x-real-ip")
_NO_OBJECT = "00/00/0000000000000000000000000000"


class Health(Wire):
    """The state of the server."""

    status: Literal["alive", "ready"]


@public("/healthz", describes=Describes(gives=Health))
async def alive() -> Response[Any]:
    """Answer as long as the process is alive."""
    return encode(Health(status="alive"), 200)


@public("/readyz", describes=Describes(gives=Health))
async def ready(request: AnyRequest) -> Response[Any]:
    """Answer 200 if recordings can be taken in and played, else 503 with a list of what is `missing`.

    `database`: it takes reads and writes. `media`: its store answers. `disk`: there is free space. `keys`:
    those that recordings need are here, and are the archive's. `installation`: so are its store and folders.
    """
    installation: Installation = request.app.state.installation
    await to_thread.run_sync(_check, installation)
    return encode(Health(status="ready"), 200)


@public("/metrics", describes=Describes(gives=str, answered_as=("text/plain",), refuses=(Forbidden,)))
async def metrics(request: AnyRequest) -> Response[bytes]:
    """Metrics of the server, in Prometheus' text format.

    For callers on the same machine, or with `EARWITNESS_METRICS_TOKEN` as `Authorization: Bearer`.
    """
    installation: Installation = request.app.state.installation
    if not (_is_local(request) or _has_token(request, installation.settings.metrics_token)):
        raise Forbidden("Only callers on the same machine, or with the metrics token, can read metrics.")
    said = await to_thread.run_sync(installation.metrics.text)
    return Response(said, media_type=CONTENT_TYPE)


ROUTES = [alive, ready, metrics]


def _check(installation: Installation) -> None:
    """Raise Unavailable (503) naming everything that is missing."""
    checks = {
        "database": _check_database,
        "media": _check_media,
        "disk": _check_disk,
        "keys": _check_keys,
        "installation": _check_installation,
    }
    missing = {name: why for name, check in checks.items() if (why := check(installation))}
    if missing:
        raise Unavailable(
            " ".join(missing.values()),
            code="not-ready",
            headers={"Retry-After": "5"},
            extra={"missing": list(missing)},
        )


def _check_database(installation: Installation) -> str:
    directory = installation.accounts.directory
    try:
        with reading(directory) as connection:
            connection.execute(text("SELECT 1"))
        with writing(directory) as connection:  # SQLite takes the write lock here, or says that it cannot
            if directory.dialect.name == "postgresql":
                refuses = connection.scalar(text("SELECT current_setting('transaction_read_only')"))
                return "The database takes no writes." if refuses == "on" else ""
    except SQLAlchemyError:
        return "The database does not answer, or takes no writes."
    return ""


def _check_media(installation: Installation) -> str:
    """Whether the store of media answers, asked for one account, and the data folder takes files."""
    try:
        with tempfile.TemporaryFile(dir=installation.settings.data):
            pass
        if archive := installation.accounts.first():
            archive.store.exists(_NO_OBJECT)
    except (SQLAlchemyError, KeysMissing, KeysUnusable, Differs):
        return ""  # that is for other checks to say
    except Exception:  # each kind of store has errors of its own
        return "The store of media does not answer, or takes no writes."
    return ""


def _check_keys(installation: Installation) -> str:
    return installation.accounts.identity.keys_trouble()


def _check_installation(installation: Installation) -> str:
    return installation.accounts.identity.installation_trouble()


def _check_disk(installation: Installation) -> str:
    settings = installation.settings
    free = shutil.disk_usage(settings.data).free
    return (
        "" if free >= settings.min_free_mib << 20 else "There is too little free space for the data folder."
    )


def _is_local(request: AnyRequest) -> bool:
    """Whether the caller itself is on this machine: a proxy that is speaks for others."""
    if any(request.headers.get(name) for name in _FORWARDING):
        return False
    peer = peer_of(request)
    return peer is not None and peer.is_loopback


def _has_token(request: AnyRequest, token: str) -> bool:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    is_right = hmac.compare_digest(given.strip().encode(), token.encode())
    return bool(token) and scheme.lower() == "bearer" and is_right
