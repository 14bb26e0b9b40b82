"""Listens on the address of a server before the address is printed. An error names the address."""

import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from earwitness.cli.output import fail

_WAITING_CLIENTS = 2048
"""How many connections may wait to be accepted: uvicorn's default. The system may allow fewer."""


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a server listens: the host as it was given, and the sockets that clients connect to."""

    host: str
    sockets: list[socket.socket]

    @property
    def port(self) -> int:
        port: int = self.sockets[0].getsockname()[1]
        return port

    @property
    def base_url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/api"


@contextmanager
def listening(host: str, port: int, *, as_json: bool = False) -> Iterator[Listening]:
    """Listen on all addresses of a host. From then on clients can connect, and wait to be accepted.

    Port 0 takes a free port. An address that cannot be listened on ends the command with exit code 1.
    """
    with ExitStack() as leaving:
        try:
            sockets = _sockets(host, port, leaving)
        except OSError as error:
            fail(_why(error, host, port), as_json=as_json)
        yield Listening(host, sockets)


def _sockets(host: str, port: int, leaving: ExitStack) -> list[socket.socket]:
    """Raises OSError if one of the addresses is taken, or if none can be listened on."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    absent: OSError | None = None
    for family, address in dict.fromkeys((family, address) for family, _, _, _, address in found):
        # All addresses of a name use the port that the first one got.
        where = (address[0], sockets[0].getsockname()[1], *address[2:]) if sockets else address
        try:
            sockets.append(leaving.enter_context(_socket(family, where)))
        except OSError as error:
            if error.errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                raise
            absent = error  # `localhost` has an IPv6 address even if the machine has no IPv6
    if not sockets and absent:
        raise absent
    return sockets


def _socket(family: int, address: tuple[object, ...]) -> socket.socket:
    taken = socket.socket(family, socket.SOCK_STREAM)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:  # `::` also takes IPv4; a name has addresses of its own for both
            taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address[0] != "::")
        taken.bind(address)
        taken.listen(_WAITING_CLIENTS)  # two sockets may bind to an address, but only one may listen
        taken.set_inheritable(True)
    except OSError:
        taken.close()
        raise
    return taken


def _why(error: OSError, host: str, port: int) -> str:
    if isinstance(error, socket.gaierror):
        return f"{host} is no address and no known name: choose another with --host"
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is taken: choose another with --port"
    if error.errno == errno.EACCES:
        return f"port {port} of {host} is for privileged users: choose another with --port, from 1024"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine: choose another with --host"
    return f"cannot listen on port {port} of {host}: {error.strerror}"
