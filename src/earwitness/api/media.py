"""Media for players: a recording, whole or in ranges, and URLs for players that cannot send headers."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from anyio import to_thread
from litestar import Response

from earwitness.http import decode
from earwitness.http.audit import action_of
from earwitness.http.authenticate import authenticate, claims_of, recognise
from earwitness.http.client_address import comes_through
from earwitness.http.installation import Installation
from earwitness.http.limits.slow_calls import SlowCalls
from earwitness.http.openapi.operations import MEDIA, Describes
from earwitness.http.operations import AnyRequest, encode
from earwitness.http.playback.media_urls import MediaUrlClaims, read_media_url, sign_media_url
from earwitness.http.playback.player import MediaWanted, Play
from earwitness.http.playback.ranges import RequestConditions
from earwitness.http.routes import public, signed_in
from earwitness.http.tokens import unauthenticated
from earwitness.kernel.clock import format_ms
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
from earwitness.kernel.wire import MomentText, Wire, convert

_MEDIA = "/client/recording/{id}/media"
_MEDIA_URL = "/client/recording/{id}/media-url"
_PLAYED: dict[str, Any] = {
    "gives": bytes,
    "answered_as": MEDIA,
    "statuses": (200, 206, 304),
    "refuses": (Unauthenticated, Forbidden, NotFound, RangeUnsatisfiable, Unprocessable),
}


class MediaUrl(Wire):
    """A URL that plays one recording in one format, and when it expires."""

    url: str
    expires_at: MomentText


class MediaUrlQuery(Wire):
    """The query of a media URL."""

    token: str


@signed_in(_MEDIA, "GET", "HEAD", right=Right.RECORDING_PLAY, describes=Describes(MediaWanted, **_PLAYED))
async def get_media(request: AnyRequest) -> Response[Any]:
    """Play a recording, whole or a range of its bytes, as players ask for it.

    HEAD makes nothing: it tells the length of what is stored or made already, and no length otherwise.
    """
    return await _play(request, _with_bearer_token)


@public(_MEDIA_URL, "GET", "HEAD", describes=Describes(MediaUrlQuery, **_PLAYED))
async def get_media_by_url(request: AnyRequest) -> Response[Any]:
    """Play the recording of a signed URL, which needs no `Authorization`."""
    return await _play(request, _with_url)


async def _play(request: AnyRequest, begin: Callable[[AnyRequest], Play]) -> Response[Any]:
    """Answer in one turn of a thread if the format is stored: a player that seeks notices each turn."""
    limiter = request.app.state.store_calls
    conditions = RequestConditions.of(request)

    def begun() -> tuple[int, Response[Any] | Callable[[], Response[Any]]]:
        play = begin(request)
        return play.archive.client_id, play.answer(conditions)

    client_id, answer = await to_thread.run_sync(begun, limiter=limiter)
    if isinstance(answer, Response):
        return answer
    # Making a rendition takes long. Those calls have a limit of their own, so that they hold up no others.
    slow_calls: SlowCalls = request.app.state.slow_calls
    return await slow_calls.run(client_id, answer)


def _with_bearer_token(request: AnyRequest) -> Play:
    installation: Installation = request.app.state.installation
    archive, viewer = authenticate(installation, request)
    action = action_of(request, viewer, _MEDIA, "Play recording")
    return Play(installation, archive, viewer, action, decode.path_id(request), _query(request))


def _with_url(request: AnyRequest) -> Play:
    """Check the token of the URL, then look up the rights of its user anew."""
    installation: Installation = request.app.state.installation
    query: MediaUrlQuery = convert(_query(request), MediaUrlQuery)
    claims = read_media_url(installation.tokens, query.token)
    if claims.recording != decode.path_id(request):
        raise unauthenticated("The URL is not valid.")
    archive, viewer = recognise(installation, request, claims.of_bearer_token)
    action = action_of(request, viewer, _MEDIA_URL, "Play recording by URL")
    sent = {"format": claims.format, "comment": claims.comment}
    return Play(installation, archive, viewer, action, claims.recording, sent, {"mediaUrl": claims.jti})


def _query(request: AnyRequest) -> dict[str, str]:
    """The query parameters as text, since a comment may be a number. Raises BadRequest."""
    pairs = list(request.query_params.multi_items())
    query = dict(pairs)
    if len(query) < len(pairs):
        raise BadRequest.of(Fault("", "a query parameter is given twice"))
    return query


@signed_in(
    _MEDIA_URL,
    "POST",
    right=Right.RECORDING_PLAY,
    describes=Describes(MediaWanted, MediaUrl, refuses=(NotFound,)),
)
async def get_media_url(request: AnyRequest) -> Response[Any]:
    """Get a URL that plays a recording in one format, good for five minutes."""
    claims_of(request.app.state.installation, request)  # without a token, nothing of the body is read
    body = await request.body()
    return encode(await to_thread.run_sync(_sign, request, body), 200)


def _sign(request: AnyRequest, body: bytes) -> MediaUrl:
    """Make the URL. The ledger gets its row when the URL is played, with the user that it was made for."""
    installation: Installation = request.app.state.installation
    claims = claims_of(installation, request)
    archive, viewer = recognise(installation, request, claims)
    action = action_of(request, viewer, _MEDIA_URL, "Get media URL")
    play = Play(installation, archive, viewer, action, decode.path_id(request))
    with play.remembering():
        viewer.require(Right.RECORDING_PLAY)
        sent = decode.parse(request, body, from_query=False)
    play = replace(play, sent=sent)
    with play.remembering():
        _, format_ = play.look_up()
    signed = MediaUrlClaims(
        sub=str(viewer.user_id),
        client=viewer.client_id,
        key=int(claims["key"]),
        recording=play.interaction_id,
        format=format_,
        comment=play.sent.get("comment"),
    )
    token = sign_media_url(installation.tokens, signed)
    return MediaUrl(url=_address(request, token), expires_at=format_ms(signed.exp * 1000))


def _address(request: AnyRequest, token: str) -> str:
    """The URL of this call with a token, below the public URL, or at the host that was called.

    `X-Forwarded-Proto` is used if a trusted proxy sends it; `X-Forwarded-Host` never.
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
