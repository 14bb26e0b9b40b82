"""Media, for players: a recording whole or in ranges, and URLs for players that cannot send headers."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from anyio import to_thread
from litestar import Response
from litestar.handlers import HTTPRouteHandler

from earwitness.http import decode, streamed_audit
from earwitness.http.installation import Installation
from earwitness.http.openapi.operations import MEDIA, Describes
from earwitness.http.operations import AnyRequest, encode
from earwitness.http.playback.media_urls import LIFETIME_MS, Grant, seal, unseal
from earwitness.http.playback.player import MediaWanted, Play
from earwitness.http.playback.ranges import Asked
from earwitness.http.signed_in import authenticate, claims_of, comes_through, recognise
from earwitness.http.tokens import unauthenticated
from earwitness.kernel.clock import format_ms, now_ms
from earwitness.kernel.errors import (
    BadRequest,
    Fault,
    Forbidden,
    NotFound,
    RangeUnsatisfiable,
    Unauthenticated,
    Unprocessable,
)
from earwitness.kernel.rights import Right
from earwitness.kernel.settings import Settings
from earwitness.kernel.wire import MomentText, Wire

_MEDIA = "/client/recording/{id:str}/media"
_MEDIA_URL = "/client/recording/{id:str}/media-url"
_PLAYED: dict[str, Any] = {
    "gives": bytes,
    "answered_as": MEDIA,
    "statuses": (200, 206, 304),
    "refuses": (Unauthenticated, Forbidden, NotFound, RangeUnsatisfiable, Unprocessable),
}


class MediaUrl(Wire):
    """A URL that plays one recording in one format, and until when."""

    url: str
    expires_at: MomentText


class MediaUrlQuery(Wire):
    """What the query of such a URL holds."""

    token: str


@HTTPRouteHandler(
    _MEDIA,
    http_method=["GET", "HEAD"],
    status_code=200,
    opt={"right": Right.RECORDING_PLAY, "describes": Describes(MediaWanted, **_PLAYED)},
    include_in_schema=False,
)
async def get_media(request: AnyRequest) -> Response[Any]:
    """Play a recording, whole or a range of its bytes, as players ask for it."""
    return await _play(request, _with_bearer_token)


@HTTPRouteHandler(
    _MEDIA_URL,
    http_method=["GET", "HEAD"],
    status_code=200,
    opt={"public": True, "describes": Describes(MediaUrlQuery, **_PLAYED)},
    include_in_schema=False,
)
async def get_media_by_url(request: AnyRequest) -> Response[Any]:
    """Play the recording of a signed URL, which needs no `Authorization`."""
    return await _play(request, _with_url)


async def _play(request: AnyRequest, begun: Callable[[AnyRequest], Play]) -> Response[Any]:
    """Answer in one turn of a thread, each of which a player that seeks would notice."""
    limiter = request.app.state.store_calls
    answer = await to_thread.run_sync(lambda: begun(request).answer(Asked.of(request)), limiter=limiter)
    if isinstance(answer, Response):
        return answer
    # What must be made first waits in a queue of its own, so that it holds up nothing else.
    return await to_thread.run_sync(answer, limiter=request.app.state.slow_calls)


def _with_bearer_token(request: AnyRequest) -> Play:
    installation: Installation = request.app.state.installation
    archive, viewer = authenticate(installation, request)
    action = streamed_audit.action(request, viewer, _MEDIA, "Play recording")
    return Play(installation, archive, viewer, action, decode.path_id(request), _query(request))


def _with_url(request: AnyRequest) -> Play:
    """Check the signature, then look the rights of whoever it is for up anew."""
    installation: Installation = request.app.state.installation
    query: MediaUrlQuery = decode.take(MediaUrlQuery, _query(request))
    grant = unseal(installation.tokens, query.token)
    if grant.interaction_id != decode.path_id(request):
        raise unauthenticated("The URL is not valid.")
    archive, viewer = recognise(installation, request, grant.claims)
    action = streamed_audit.action(request, viewer, _MEDIA_URL, "Play recording by URL")
    given = {"format": grant.format, "comment": grant.comment}
    return Play(
        installation, archive, viewer, action, grant.interaction_id, given, {"mediaUrl": grant.url_id}
    )


def _query(request: AnyRequest) -> dict[str, str]:
    """Query parameters as they stand: a comment may be a number."""
    pairs = list(request.query_params.multi_items())
    given = dict(pairs)
    if len(given) < len(pairs):
        raise BadRequest.of(Fault("", "a query parameter is given twice"))
    return given


@HTTPRouteHandler(
    _MEDIA_URL,
    http_method="POST",
    status_code=200,
    opt={"right": Right.RECORDING_PLAY, "describes": Describes(MediaWanted, MediaUrl, refuses=(NotFound,))},
    include_in_schema=False,
)
async def get_media_url(request: AnyRequest) -> Response[Any]:
    """Get a URL that plays a recording in one format, good for five minutes."""
    claims_of(request.app.state.installation, request)  # nothing is read of who has no token
    body = await request.body()
    return encode(await to_thread.run_sync(_sign, request, body), 200)


def _sign(request: AnyRequest, body: bytes) -> MediaUrl:
    """The ledger is told when the URL is played, of whom it was made for."""
    installation: Installation = request.app.state.installation
    claims = claims_of(installation, request)
    archive, viewer = recognise(installation, request, claims)
    action = streamed_audit.action(request, viewer, _MEDIA_URL, "Get media URL")
    play = Play(installation, archive, viewer, action, decode.path_id(request))
    with play.remembering():
        viewer.require(Right.RECORDING_PLAY)
        given = decode.parse(request, body, from_query=False)
    play = replace(play, given=given)
    with play.remembering():
        _, format_ = play.look_up()
    grant = Grant(
        client_id=viewer.client_id,
        user_id=viewer.user_id,
        key_id=int(claims["key"]),
        interaction_id=play.interaction_id,
        format=format_,
        comment=play.given.get("comment"),
        expires_at=now_ms() + LIFETIME_MS,
    )
    return MediaUrl(
        url=_address(request, seal(installation.tokens, grant)), expires_at=format_ms(grant.expires_at)
    )


def _address(request: AnyRequest, token: str) -> str:
    """The URL of this call, with a token: below the public URL, or at the host that was called.

    `X-Forwarded-Proto` is believed of trusted proxies, `X-Forwarded-Host` of nobody.
    """
    url = request.url.with_replacements(query=f"token={token}")
    settings: Settings = request.app.state.installation.settings
    if settings.public_url:
        return f"{settings.public_url}{url.path}?{url.query}"
    scheme = request.headers.get("x-forwarded-proto", "")
    if scheme in {"http", "https"} and comes_through(request, settings.trusted_proxies):
        url = url.with_replacements(scheme=scheme)
    return str(url)


ROUTES = [get_media, get_media_by_url, get_media_url]
