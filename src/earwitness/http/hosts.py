"""Checks the `Host` header, so that a page of another site cannot read from this server (DNS rebinding).

Such a page makes its own host name resolve to this server's address; the browser then sends that name. A name
that is not ours is refused, and so never stands in the URL of a recording. IP addresses, `localhost` and the
operator's own host are safe, since no other site can make them resolve elsewhere.
"""

import ipaddress
import re
from urllib.parse import urlsplit

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from earwitness.http.answers.refusals import refuse
from earwitness.kernel.errors import BadRequest, Misdirected, Problem

_WRITTEN = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[^\s\[\]:@/?#,%]+)(:\d{0,5})?", re.IGNORECASE)
"""No `%`: some clients decode it, and read `localhost%2eevil.example` as another host."""
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_FOR_MACHINES = frozenset({"/healthz", "/readyz"})
"""What load balancers ask for, by any name they have for a server. The answers hold no data."""
_METRICS = "/metrics"


class Hosts:
    """The hosts of one server: loopback, the host of its public URL, and the host that it listens on."""

    def __init__(self, *, public_url: str = "", listens_on: str = "") -> None:
        named = {urlsplit(public_url).hostname or "", _plain(listens_on)}
        self._known = _LOOPBACK | (named - {""})

    def check(self, scope: HTTPScope) -> None:
        """Raise Misdirected (421) for another host, BadRequest unless there is one valid Host header."""
        hosts = [value for name, value in scope["headers"] if name.lower() == b"host"]
        written = _WRITTEN.fullmatch(hosts[0].decode("latin-1")) if len(hosts) == 1 else None
        if written is None:
            raise BadRequest("Expected one Host header, with a host and perhaps a port.", code="bad-host")
        host = _plain(written["host"])
        server = scope.get("server")
        if host not in self._known and (server is None or host != _plain(server[0])):
            raise Misdirected(
                "This server does not answer for the host that the request names. If it should, its operator "
                "sets EARWITNESS_PUBLIC_URL."
            )


def with_host_check(app: ASGIApp) -> ASGIApp:
    """Wrap an application: refuse requests for other hosts. The application's state has its `hosts`."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP and scope["path"] not in _FOR_MACHINES:
            known: Hosts = scope["litestar_app"].state.hosts
            try:
                known.check(scope)
            except Problem as problem:
                if scope["path"] != _METRICS:
                    await refuse(problem, scope, send)
                    return
                # A page of another site may be open on this machine. Without an address it needs the token.
                scope["client"] = None
        await app(scope, receive, send)

    return answer


def _plain(host: str) -> str:
    """A host in the form in which hosts are compared: lower case, addresses in their usual form."""
    bare = host.strip("[]").partition("%")[0].lower().removesuffix(".")
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return bare
    return str(getattr(address, "ipv4_mapped", None) or address)
