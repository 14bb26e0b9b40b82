"""The address of the caller: the peer's, or the one that a trusted proxy names."""

import ipaddress
import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from litestar import Request

from earwitness.kernel.setting_readers import Network

Address = IPv4Address | IPv6Address

_WITH_PORT = re.compile(r"\[(.+)\](?::\d+)?|([^:]+):\d+")


def address_of(request: Request[Any, Any, Any], trusted: Sequence[Network]) -> str:
    """The caller's address: the peer's, or the one that a trusted proxy names in `X-Forwarded-For`.

    The header is read from its end, up to the first address that is not a trusted proxy's.
    """
    peer = peer_of(request)
    if peer is None:
        return request.client.host if request.client else ""
    forwarded = ",".join(request.headers.getall("x-forwarded-for", [])).split(",")
    for written in [*forwarded, str(peer)][::-1]:
        address = _read(written.strip() or str(peer))
        if address is None:
            break
        if not _is_among(address, trusted):
            return str(address)
    return str(peer)


def comes_through(request: Request[Any, Any, Any], trusted: Sequence[Network]) -> bool:
    """Whether the peer is a trusted proxy, which is believed in what it says of the caller."""
    peer = peer_of(request)
    return peer is not None and _is_among(peer, trusted)


def peer_of(request: Request[Any, Any, Any]) -> Address | None:
    """The address at the other end of the connection, or None. IPv4 mapped to IPv6 is given as IPv4."""
    return _read(request.client.host) if request.client else None


def _read(written: str) -> Address | None:
    """Read an address, with or without the port that some gateways add. None for anything else."""
    with_port = _WITH_PORT.fullmatch(written)
    bare = with_port[1] or with_port[2] if with_port else written
    try:
        address = ipaddress.ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_among(address: Address, networks: Sequence[Network]) -> bool:
    return any(address in network for network in networks)
