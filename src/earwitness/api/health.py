"""Operations at the root, for those who run the server: is it alive, is it ready, and its metrics."""

import hmac
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from anyio import to_thread
from litestar import Response
from msgspec import UNSET, UnsetType
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from earwitness.archive.accounts import states
from earwitness.archive.accounts.opening.unfit import AccountUnavailable
from earwitness.archive.database.errors import cause_of
from earwitness.archive.database.transactions import reading, writing
from earwitness.http.client_address import peer_of
from earwitness.http.installation import Installation
from earwitness.http.monitoring.health_checks import Missing
from earwitness.http.monitoring.metrics import CONTENT_TYPE
from earwitness.http.openapi.operations import Describes
from earwitness.http.operations import AnyRequest, encode
from earwitness.http.routes import public
from earwitness.kernel.errors import Forbidden, Problem, Unavailable
from earwitness.kernel.system.os_errors import describe_errno
from earwitness.kernel.wire import Wire
from earwitness.media.differing import Differs
from earwitness.media.keys.key_ring import KeysMissing, KeysUnusable
from earwitness.media.stores.store import open_store

CHECK_SECONDS = 4
"""How long `/readyz` waits for its checks. Load balancers wait for five seconds at most."""

_FORWARDING = ("forwarded", "x-forwarded-for", "x-real-ip")
_NO_OBJECT = "00/00/0000000000000000000000000000"


class Health(Wire):
    """The state of the server."""

    status: Literal["alive", "ready"]
    warnings: list[str] | UnsetType = UNSET
    notes: dict[str, str] | UnsetType = UNSET


@public("/healthz", describes=Describes(gives=Health))
async def alive() -> Response[Any]:
    """Answer as long as the process is alive."""
    return encode(Health(status="alive"), 200)


@public("/readyz", describes=Describes(gives=Health))
async def ready(request: AnyRequest) -> Response[Any]:
    """Answer 200 if recordings can be taken in and played, else 503 with a list of what is `missing`.

    `database`: it takes reads and writes. `media`: its store answers. `disk`: there is free space. `keys`:
    the server has the keys that recordings need, and they are the archive's. `installation`: the store and
    the folders are the archive's. `accounts`: not all of them have tables of another version.
    `warnings` names what somebody has to look into while the server still serves. `ledger`: that of an
    account does not go on from what others were given.
    With `EARWITNESS_METRICS_TOKEN` as `Authorization: Bearer`, `causes` says why, by the same names, and
    `notes` what else is wrong while the server still serves.
    """
    installation: Installation = request.app.state.installation
    is_operator = _has_token(request, installation.settings.metrics_token)
    wanted_checks = CHECKS | WARNINGS | (NOTES if is_operator else {})
    checks = {name: partial(check, installation) for name, check in wanted_checks.items()}
    found = await installation.checks.ask(checks, CHECK_SECONDS)
    missing = {name: one for name, one in found.items() if name in CHECKS}
    warnings = [name for name in found if name in WARNINGS]
    notes = {name: one.cause for name, one in found.items() if is_operator and name not in CHECKS}
    if not missing:
        return encode(Health(status="ready", warnings=warnings or UNSET, notes=notes or UNSET), 200)
    extra: dict[str, object] = {"missing": list(missing)}
    if warnings:
        extra["warnings"] = warnings
    if is_operator:
        extra |= {"causes": {name: one.cause for name, one in missing.items()}}
        extra |= {"notes": notes} if notes else {}
    raise Unavailable(
        " ".join(one.sentence for one in missing.values()),
        code="not-ready",
        headers={"Retry-After": "5"},
        extra=extra,
        cause="; ".join(f"{name}: {one.cause}" for name, one in missing.items()),
    )


@public("/metrics", describes=Describes(gives=str, answered_as=("text/plain",), refuses=(Forbidden,)))
async def metrics(request: AnyRequest) -> Response[bytes]:
    """Metrics of the server, in Prometheus' text format.

    For callers on the same machine, or with `EARWITNESS_METRICS_TOKEN` as `Authorization: Bearer`.
    """
    installation: Installation = request.app.state.installation
    if not (_is_local(request) or _has_token(request, installation.settings.metrics_token)):
        raise Forbidden("Only callers on the same machine, or with the metrics token, can read metrics.")
    # A limiter of its own: if this hangs, it takes no thread from other calls.
    text_format = await to_thread.run_sync(installation.metrics.text, limiter=request.app.state.metrics_calls)
    return Response(text_format, media_type=CONTENT_TYPE)


ROUTES = [alive, ready, metrics]


def _check_database(installation: Installation) -> Missing | None:
    directory = installation.accounts.directory
    try:
        with reading(directory) as connection:
            connection.execute(text("SELECT 1"))
        with writing(directory) as connection:  # SQLite takes the write lock here
            if directory.dialect.name == "postgresql":
                refuses = connection.scalar(text("SELECT current_setting('transaction_read_only')"))
                return (
                    Missing("The database takes no writes.", "it is read-only") if refuses == "on" else None
                )
    except SQLAlchemyError as error:
        return Missing("The database does not answer, or takes no writes.", cause_of(error))
    return None


def _check_media(installation: Installation) -> Missing | None:
    """Check that the store of media answers for one account, and that the data folder takes files."""
    settings, accounts = installation.settings, installation.accounts
    try:
        with tempfile.TemporaryFile(dir=settings.data):
            pass
        if archive := accounts.first():
            open_store(settings, archive.client_id, persistent=False).exists(_NO_OBJECT)
    except (SQLAlchemyError, KeysMissing, KeysUnusable, Differs, AccountUnavailable):
        return None  # another check reports it
    except Exception as error:  # each kind of store raises errors of its own
        return Missing("The store of media does not answer, or takes no writes.", _cause_of_store(error))
    return None


def _check_accounts(installation: Installation) -> Missing | None:
    try:
        installation.accounts.first()
    except AccountUnavailable as error:
        return Missing("All accounts have tables of another version.", error.sentence)
    except (SQLAlchemyError, KeysMissing, KeysUnusable, Problem):
        return None  # another check reports it
    return None


def _note_accounts(installation: Installation) -> Missing | None:
    try:
        refused = installation.accounts.refused()
    except SQLAlchemyError:
        return None  # the check of the database reports it
    sentences = " ".join(one.sentence for one in refused)
    return Missing(f"{len(refused)} accounts are not available.", sentences) if refused else None


def _warn_of_ledgers(installation: Installation) -> Missing | None:
    try:
        forked = states.forked_ledgers(installation.accounts.directory)
    except SQLAlchemyError:
        return None  # the check of the database reports it
    if not forked:
        return None
    named = ", ".join(map(str, forked))
    return Missing(
        "A ledger does not go on from what others were given.",
        f"The ledger does not go on from what others were given: account {named}. `earwitness status` says "
        "more",
    )


def _check_keys(installation: Installation) -> Missing | None:
    return _missing(installation.accounts.identity.keys_trouble())


def _check_installation(installation: Installation) -> Missing | None:
    return _missing(installation.accounts.identity.installation_trouble())


def _missing(trouble: str) -> Missing | None:
    return Missing(trouble, trouble) if trouble else None


def _cause_of_store(error: Exception) -> str:
    """The error of the bucket, or of the disk. It has no path and no name of an object."""
    if isinstance(error, OSError) and error.errno:
        return describe_errno(error.errno)
    return error.detail if isinstance(error, Problem) else type(error).__name__


def _check_disk(installation: Installation) -> Missing | None:
    settings = installation.settings
    try:
        free_mib = shutil.disk_usage(settings.data).free >> 20
    except OSError as error:
        return Missing("The data folder cannot be read.", _cause_of_store(error))
    if free_mib >= settings.min_free_mib:
        return None
    return Missing(
        "There is too little free space for the data folder.",
        f"{free_mib} MiB are free, EARWITNESS_MIN_FREE_MIB requires {settings.min_free_mib}",
    )


CHECKS: dict[str, Callable[[Installation], Missing | None]] = {
    "database": _check_database,
    "media": _check_media,
    "disk": _check_disk,
    "keys": _check_keys,
    "installation": _check_installation,
    "accounts": _check_accounts,
}
"""What a server needs, by its name in `missing`, and how it is checked."""

WARNINGS: dict[str, Callable[[Installation], Missing | None]] = {"ledger": _warn_of_ledgers}
"""What somebody has to look into although the server is ready, by its name in `warnings`."""

NOTES: dict[str, Callable[[Installation], Missing | None]] = {"refusedAccounts": _note_accounts}
"""What may be wrong while the server is ready, such as one account of many, by its name in `notes`."""


def _is_local(request: AnyRequest) -> bool:
    """Whether the caller is on this machine. A proxy on this machine calls for others, and is not counted."""
    if any(request.headers.get(name) for name in _FORWARDING):
        return False
    peer = peer_of(request)
    return peer is not None and peer.is_loopback


def _has_token(request: AnyRequest, token: str) -> bool:
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    is_right = hmac.compare_digest(credentials.strip().encode(), token.encode())
    return bool(token) and scheme.lower() == "bearer" and is_right
