"""Clients that send what no library would: bytes on a socket, and what comes back."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.firm import Firm, call


@dataclass(frozen=True)
class Answered:
    """One answer, as it came."""

    status: int
    headers: dict[str, str]
    body: bytes


def _read(head: bytes, body: bytes) -> Answered:
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answered(int(first.split()[1]), headers, body)


class Raw:
    """A connection to a server."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._came = bytearray()

    def send(self, data: bytes | str) -> None:
        """Send; it is no error if the server has closed the connection."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def answer(self, *, at_once: int = 1 << 16, pause_seconds: float = 0) -> Answered | None:
        """The next answer; None where the connection was closed without one.

        It is taken in pieces of so many bytes, with a pause before each.
        """
        while b"\r\n\r\n" not in self._came:
            if not self._more(at_once):
                return None
        head, _, rest = bytes(self._came).partition(b"\r\n\r\n")
        self._came = bytearray(rest)
        size = int(_read(head, b"").headers.get("content-length", "0"))
        while len(self._came) < size and self._more(at_once):
            time.sleep(pause_seconds)
        body = bytes(self._came[:size])
        del self._came[:size]
        return _read(head, body)

    def head(self) -> Answered:
        """The next answer, to HEAD: what follows its headers belongs to the answer after it."""
        while b"\r\n\r\n" not in self._came:
            assert self._more(), "closed without an answer"
        head, _, rest = bytes(self._came).partition(b"\r\n\r\n")
        self._came = bytearray(rest)
        return _read(head, b"")

    def status(self) -> int | None:
        answered = self.answer()
        return answered.status if answered else None

    def is_closed(self) -> bool:
        """Wait for the server to close, whatever comes before that."""
        while self._more():
            pass
        return True

    def _more(self, at_once: int = 1 << 16) -> bytes:
        try:
            data = self.socket.recv(at_once)
        except ConnectionResetError:
            return b""
        self._came += data
        return data


@contextmanager
def connected(base_url: str, *, takes_bytes: int | None = None) -> Iterator[Raw]:
    """A connection; `takes_bytes` is the size of its buffer for what it has not read."""
    url = urlsplit(base_url)
    with socket.socket() as connection:
        if takes_bytes is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, takes_bytes)
        connection.settimeout(60)
        connection.connect((url.hostname, url.port))
        yield Raw(connection)


def request(
    path: str = "/healthz",
    method: str = "GET",
    body: bytes | None = None,
    more: dict[str, str] | None = None,
    **headers: str,
) -> bytes:
    """A request with headers, and `more` of them, with `Content-Length` where it has a body."""
    lines = {"Host": "localhost"} | {name.replace("_", "-"): value for name, value in headers.items()}
    lines |= more or {}
    if body is not None:
        lines.setdefault("Content-Length", str(len(body)))
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + (body or b"")


def problem(client: Raw) -> tuple[int, str]:
    """The status and code of a refusal, which is the last answer of a connection."""
    answered = client.answer()
    assert answered is not None, "closed without an answer"
    assert answered.headers["connection"] == "close"
    assert answered.headers["x-content-type-options"] == "nosniff"
    assert answered.headers["cache-control"] == "no-store"
    assert answered.headers["content-type"] == "application/problem+json"
    said = json.loads(answered.body)
    assert said["status"] == answered.status
    return answered.status, said["code"]


def upload(firm: Firm, third_party_id: str) -> list[bytes]:
    """The head of an upload in chunks, the chunks, and the end."""
    metadata = json.dumps(call(thirdPartyId=third_party_id)).encode()
    parts = b"--b\r\nContent-Disposition: form-data; name=metadata\r\n\r\n" + metadata
    parts += (
        b"\r\n--b\r\nContent-Disposition: form-data; name=media; filename=x\r\n\r\n"
        + b"a" * 40
        + b"\r\n--b--\r\n"
    )
    head = request(
        "/api/ingest/recording",
        "POST",
        Transfer_Encoding="chunked",
        Content_Type="multipart/form-data; boundary=b",
        Authorization=firm.headers()["Authorization"],
    )
    chunks = [parts[at : at + 20] for at in range(0, len(parts), 20)]
    return [head, *(b"%x\r\n" % len(chunk) + chunk + b"\r\n" for chunk in chunks), b"0\r\n\r\n"]
