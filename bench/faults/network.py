"""The network of an installation: each part in a network namespace of its own, or all on loopback.

A bridge connects the namespaces, as a switch connects machines. The whole run is in its own namespaces for
network, mounts and processes (`unshare`). So nothing outside sees its links, and however the run ends, the
kernel ends its processes and removes its links and mounts.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

PARTS = ("clients", "postgres", "standby", "objects", "proxy", "server-1", "server-2", "server-3", "worker")
PORT = 8080

_INSIDE = "BENCH_FAULTS_INSIDE"
_SUBNET = "10.77.0"
_UNSHARE = ("unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child")
_AS_OURSELVES = ("--user", "--map-current-user", "--keep-caps")


class Network(Protocol):
    """The network of the parts. `within` is the prefix of a command that runs in a part."""

    is_apart: bool

    def host(self, part: str) -> str: ...

    def port(self, part: str) -> int: ...

    def within(self, part: str) -> list[str]: ...

    def cut(self, part: str) -> None: ...

    def join(self, part: str) -> None: ...


class Loopback:
    """All parts on the loopback interface of this machine. No part can be cut off."""

    is_apart = False

    def __init__(self) -> None:
        self._ports: dict[str, int] = {}

    def host(self, part: str) -> str:
        return "127.0.0.1"

    def port(self, part: str) -> int:
        if part not in self._ports:
            with socket.create_server(("127.0.0.1", 0)) as listener:
                self._ports[part] = listener.getsockname()[1]
        return self._ports[part]

    def within(self, part: str) -> list[str]:
        return []

    def cut(self, part: str) -> None:
        raise NotImplementedError("no part can be cut off on loopback")

    join = cut


class Namespaces:
    """A namespace for each part, at 10.77.0.N. The clients run in the namespace of the bridge.

    The parts know each other's hardware addresses. So packets to a part that is cut off are lost without an
    error, as they are beyond a router. Otherwise the kernel would report that there is no route.
    """

    is_apart = True

    def __init__(self) -> None:
        here = Path("/run/netns")
        here.mkdir(parents=True, exist_ok=True)
        _run("mount", "-t", "tmpfs", "none", here)
        _ip("link", "set", "lo", "up")
        _ip("link", "add", "switch", "address", _hardware("clients"), "type", "bridge")
        _ip("address", "add", f"{self.host('clients')}/24", "dev", "switch")
        _ip("link", "set", "switch", "up")
        for part in PARTS[1:]:
            _ip("netns", "add", part)
            _ip("link", "add", part, "type", "veth", "peer", "name", "eth0", "netns", part)
            _ip("link", "set", part, "master", "switch", "up")
            _ip("-n", part, "link", "set", "eth0", "address", _hardware(part), "up")
            _ip("-n", part, "link", "set", "lo", "up")
            _ip("-n", part, "address", "add", f"{self.host(part)}/24", "dev", "eth0")
        for part in PARTS:
            self._introduce(part)

    def _introduce(self, part: str) -> None:
        where, device = (["-n", part], "eth0") if part != "clients" else ([], "switch")
        lines = [
            f"neigh replace {self.host(other)} lladdr {_hardware(other)} dev {device} nud permanent"
            for other in PARTS
            if other != part
        ]
        _run("ip", *where, "-batch", "-", stdin="\n".join(lines))

    def host(self, part: str) -> str:
        return f"{_SUBNET}.{PARTS.index(part) + 1}"

    def port(self, part: str) -> int:
        return PORT

    def within(self, part: str) -> list[str]:
        return ["ip", "netns", "exec", part]

    def cut(self, part: str) -> None:
        _ip("link", "set", part, "nomaster")

    def join(self, part: str) -> None:
        _ip("link", "set", part, "master", "switch")


def is_inside() -> bool:
    return _INSIDE in os.environ


def enter_namespaces(module: str, words: Sequence[str]) -> str:
    """Replace this process by the module in new namespaces. Returns only if that fails: the reason."""
    unshare = list(_UNSHARE) if os.geteuid() == 0 else [*_UNSHARE, *_AS_OURSELVES]
    rehearsal = (
        "mount -t tmpfs none /run && mkdir /run/netns && ip netns add tried && ip link add tried type bridge"
    )
    try:
        tried = subprocess.run([*unshare, "sh", "-c", rehearsal], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        return f"there is no {error.filename}"
    if tried.returncode:
        return tried.stderr.strip().replace("\n", "; ") or f"unshare exited {tried.returncode}"
    os.environ[_INSIDE] = "1"
    raise SystemExit(os.execvp(unshare[0], [*unshare, sys.executable, "-m", module, *words]))


def _hardware(part: str) -> str:
    return f"02:00:00:00:00:{PARTS.index(part) + 1:02x}"


def _ip(*words: str) -> None:
    _run("ip", *words)


def _run(*words: object, stdin: str | None = None) -> None:
    done = subprocess.run(list(map(str, words)), input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, words))}: {done.stderr.strip()}")
