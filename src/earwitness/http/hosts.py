"""Which hosts a request may name: a page of another site that has its own name lead here reads nothing.

A browser sends the name that it looked up, so a foreign one is refused (DNS rebinding), and none comes into
the URL of a recording. Nobody else can lead an address, `localhost`, or the operator's own host elsewhere.
"""

import ipaddress
import re
from urllib.parse import urlsplit

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from earwitness.http.answers.refusals import refuse
from earwitness.kernel.errors import BadRequest, Misdirected, Problem

_WRITTEN = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[^\s\[\]:@/?#,%]+)(:\d{0,5})?", re.IGNORECASE)
"""No `%`, as clients read what follows it: `localhost%2eevil.example` leads to another host."""
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_OF_MACHINES = frozenset({"/healthz", "/readyz"})
"""What load balancers ask, by whatever name they have for a server. It tells nothing."""
_METRICS = "/metrics"


class Hosts:
    """The hosts of one server: loopback, that of its public URL, and those that it listens on."""

    def __init__(self, *, public_url: str = "", listens_on: str = "") -> None:
        named = {urlsplit(public_url).hostname or "", _plain(listens_on)}
        self._known = _LOOPBACK | (named - {""})

    def check(self, scope: HTTPScope) -> None:
        """Raise Misdirected (421) for another host, BadRequest for none, two, or what is no host."""
        given = [value for name, value in scope["headers"] if name.lower() == b"host"]
        written = _WRITTEN.fullmatch(given[0].decode("latin-1")) if len(given) == 1 else None
        if written is None:
            raise BadRequest("Expected one Host header, with a host and perhaps a port.", code="bad-host")
        host = _plain(written["host"])
        server = scope.get("server")
        if host not in self._known and (server is None or host != _plain(server[0])):
            raise Misdirected(
                "This server does not answer for the host that the request names. If it should, its operator "
                "sets EARWITNESS_PUBLIC_URL."
            )


def of_known_hosts(app: ASGIApp) -> ASGIApp:
    """Wrap an application, whose state has its `hosts`."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP and scope["path"] not in _OF_MACHINES:
            known: Hosts = scope["litestar_app"].state.hosts
            try:
                known.check(scope)
            except Problem as problem:
                if scope["path"] != _METRICS:
                    await refuse(problem, scope, send)
                    return
                scope["client"] = (
                    None  # a page of another site calls from this machine, too, but has no token
                )
        await app(scope, receive, send)

    return answer


def _plain(host: str) -> str:
    """A host as it is compared: in small letters; an address as addresses are written, IPv4 as such."""
    bare = host.strip("[]").partition("%")[0].lower().removesuffix(".")
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return bare
    return str(getattr(address, "ipv4_mapped", None) or address)
