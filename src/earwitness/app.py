"""The ASGI application, built from settings."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from anyio import CapacityLimiter
from litestar import Litestar, Router
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from earwitness.api import (
    authentication,
    calls,
    comments,
    health,
    jobs,
    media,
    retention_groups,
    schema,
    users,
)
from earwitness.api.administration import access_policies, account, api_keys, legal_holds, playlists, tags
from earwitness.api.administration import endpoints as administered_endpoints
from earwitness.api.administration import people as administered_people
from earwitness.api.administration import users as administered_users
from earwitness.api.changes import feed, reconciliation
from earwitness.api.changes.waiting import Waits
from earwitness.api.ingest import late_additions
from earwitness.api.ingest import recordings as ingested_recordings
from earwitness.api.ledger import history, log, proof, tiles
from earwitness.api.ledger import search as ledger_search
from earwitness.api.people_and_endpoints import endpoints, people
from earwitness.api.recordings import audit, detail, play_back, search, selection, sms_message, transcription
from earwitness.archive.access.viewer import PolicyConditions
from earwitness.archive.accounts.accounts import Accounts
from earwitness.http.answers.headers import with_headers
from earwitness.http.answers.problems import HANDLERS
from earwitness.http.head_and_options import with_head_and_options
from earwitness.http.hosts import Hosts, with_host_check
from earwitness.http.installation import Installation
from earwitness.http.limits.fair_queue import FairQueue
from earwitness.http.limits.priority_lanes import PriorityLanes
from earwitness.http.limits.slow_calls import SlowCalls
from earwitness.http.limits.time_limit import with_time_limit
from earwitness.http.monitoring.metrics import Metrics
from earwitness.http.monitoring.refusals import Refusals
from earwitness.http.monitoring.request_log import with_request_log
from earwitness.http.operations import MAX_BODY_BYTES, handlers_of
from earwitness.http.path_segments import with_escaped_slashes
from earwitness.http.playback.held_renditions import HeldRenditions
from earwitness.http.playback.media_urls import MediaUrlClaims
from earwitness.http.playback.rendition_room import RenditionRoom
from earwitness.http.tokens import Tokens
from earwitness.kernel.settings import Settings
from earwitness.kernel.wire import learn
from earwitness.media.decoding.wire import Failure
from earwitness.media.measurement import Hint, Measurement
from earwitness.operations.operations import Operation
from earwitness.speech.child import EngineAnswer
from earwitness.workers.loop import JobLoop
from earwitness.workers.upkeep import Upkeep

# The documented chapters in their order, then our own.
API: Sequence[Operation | HTTPRouteHandler] = [
    *authentication.ROUTES,
    search.search_recordings,
    detail.get_recording_detail,
    transcription.get_transcription,
    sms_message.get_sms_message,
    play_back.play_back_by_third_party_id,
    audit.get_recording_audit_log,
    *people.ROUTES,
    *endpoints.ROUTES,
    *users.ROUTES,
    *retention_groups.ROUTES,
    *jobs.ROUTES,
    *comments.ROUTES,
    selection.change_selection,
    *media.ROUTES,
    *ingested_recordings.ROUTES,
    *late_additions.ROUTES,
    *calls.ROUTES,
    *administered_people.ROUTES,
    *administered_endpoints.ROUTES,
    *administered_users.ROUTES,
    *api_keys.ROUTES,
    *access_policies.ROUTES,
    *account.ROUTES,
    *legal_holds.ROUTES,
    *playlists.ROUTES,
    *tags.ROUTES,
    *log.ROUTES,
    tiles.get_tile,
    proof.get_proof,
    ledger_search.search_ledger,
    history.get_history,
    feed.get_changes,
    reconciliation.reconcile,
    *schema.ROUTES,
]

SLOW_CALLS = 16
"""How many calls may decode or verify a recording at once. Others wait, and delay no calls of other kinds."""

SIGN_INS = 8
"""How many sign-ins are checked at once. Each one writes, so a flood of them would take all threads."""

STORE_CALLS = 32
"""How many calls may read or write stored media at once. A store that hangs blocks only their threads."""

FEED_CALLS = 4
"""How many calls may read the feed of changes at once. Those that wait for changes hold no thread."""

METRICS_CALLS = 2
"""How many calls may read metrics at once."""


class RightNotStatedError(Exception):
    """A route declares neither the right it needs nor that it is public."""


def build(
    settings: Settings, *, routes: Sequence[Operation | HTTPRouteHandler] = API, listens_on: str = ""
) -> Litestar:
    """Build the application of a server that listens on a host, by name or address.

    Raises RightNotStatedError for a route without a right that is not public.
    """
    learn_types()
    app = Litestar(
        route_handlers=[Router("/api", route_handlers=handlers_of(routes)), *health.ROUTES, *schema.AT_ROOT],
        lifespan=[_lifespan],
        exception_handlers=HANDLERS,
        request_max_body_size=MAX_BODY_BYTES,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )
    app.asgi_handler = with_request_log(
        with_headers(with_time_limit(with_host_check(with_escaped_slashes(with_head_and_options(app)))))
    )
    check_rights(app)
    install(app, settings, listens_on)
    return app


def learn_types() -> None:
    """Let msgspec learn every type that several threads decode. Call it before there are threads."""
    learn(PolicyConditions, EngineAnswer, Failure, Hint, Measurement, MediaUrlClaims)


def install(app: Litestar, settings: Settings, listens_on: str = "") -> None:
    """Give an application its settings, accounts and keys. Call it before the application starts."""
    accounts = Accounts(settings)
    fair_queue = FairQueue()
    # PostgreSQL works in its own processes, so these lanes measure time by the clock, not processor time.
    of_postgres = PriorityLanes(fast_seconds=0.2, fast_calls=8, broad_calls=2)
    priority_lanes = of_postgres if settings.database_url else PriorityLanes(fair_queue)
    app.state.installation = Installation(
        settings,
        accounts,
        Tokens(settings),
        Metrics(accounts),
        Refusals(settings.data),
        renditions=HeldRenditions(room=RenditionRoom.of(settings)),
        fair_queue=fair_queue,
        priority_lanes=priority_lanes,
    )
    app.state.slow_calls = SlowCalls(SLOW_CALLS)
    app.state.sign_ins = CapacityLimiter(SIGN_INS)
    app.state.hosts = Hosts(public_url=settings.public_url, listens_on=listens_on)
    app.state.store_calls = CapacityLimiter(STORE_CALLS)
    app.state.feed_calls = CapacityLimiter(FEED_CALLS)
    app.state.waits = Waits()
    app.state.metrics_calls = CapacityLimiter(METRICS_CALLS)


@asynccontextmanager
async def _lifespan(app: Litestar) -> AsyncIterator[None]:
    installation: Installation = app.state.installation
    settings = installation.settings
    loop = JobLoop(installation.accounts, settings, installation.work) if settings.jobs else None
    upkeep = Upkeep(installation.accounts)
    upkeep.start()
    installation.refusals.start()
    if loop:
        loop.start()
    with installation.accounts.identity.reporting():
        yield
    if loop:
        loop.stop()
    upkeep.stop()
    installation.refusals.stop()
    installation.renditions.close()
    installation.accounts.close()


def check_rights(app: Litestar) -> None:
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        for handler in route.route_handlers:
            if handler.http_methods == {"OPTIONS"}:
                continue
            if not handler.opt.get("right") and handler.opt.get("public") is not True:
                raise RightNotStatedError(f"{' '.join(handler.http_methods)} {route.path} states no right")
