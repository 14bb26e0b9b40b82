"""How the text of a setting is read, and what it may hold.

`allowed` stands in `docs/settings.md`, and completes the message that refuses a value: "expected …".
"""

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar
from urllib.parse import urlsplit

T_co = TypeVar("T_co", covariant=True)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Reader(Generic[T_co]):
    """Reads the text of a setting. `read` raises ValueError, saying what it expected."""

    allowed: str
    read: Callable[[str], T_co]


def _expected(allowed: str) -> str:
    return f"expected {allowed}".replace("`", "")


def text(allowed: str = "any text", *, shortest: int = 1) -> Reader[str]:
    """A text that is used as it is. It has at least `shortest` characters."""

    def read(value: str) -> str:
        if len(value) < shortest:
            raise ValueError(_expected(allowed))
        return value

    return Reader(allowed, read)


def path(allowed: str = "a path") -> Reader[Path]:
    return Reader(allowed, Path)


def whole_number(least: int = 1) -> Reader[int]:
    """A whole number in decimal digits, not below `least`."""
    allowed = f"a whole number of at least {least}"

    def read(value: str) -> int:
        if not value.isascii() or not value.isdigit() or int(value) < least:
            raise ValueError(_expected(allowed))
        return int(value)

    return Reader(allowed, read)


def switch() -> Reader[bool]:
    one_of = choice("on", "off")
    return Reader(one_of.allowed, lambda value: one_of.read(value) == "on")


def choice(*words: str) -> Reader[str]:
    """One of a few words, in any case."""
    allowed = ", ".join(f"`{word}`" for word in words[:-1]) + f" or `{words[-1]}`"
    by_folded = {word.casefold(): word for word in words}

    def read(value: str) -> str:
        if (found := by_folded.get(value.casefold())) is None:
            raise ValueError(_expected(allowed))
        return found

    return Reader(allowed, read)


def several(*words: str, kind: str) -> Reader[tuple[str, ...]]:
    """Some of a few words, separated by commas; `kind` says what they are."""
    allowed = f"some of {', '.join(f'`{word}`' for word in words)}, separated by commas"

    def read(value: str) -> tuple[str, ...]:
        parts = _parts(value)
        if unknown := set(parts) - set(words):
            raise ValueError(f"{_expected(allowed)}; there is no {kind} {min(unknown)}")
        return parts

    return Reader(allowed, read)


def networks() -> Reader[tuple[Network, ...]]:
    return Reader(
        "addresses or networks like `10.0.0.0/8`, separated by commas",
        lambda value: tuple(ipaddress.ip_network(part, strict=False) for part in _parts(value)),
    )


def _parts(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[\w.-]+)(:\d{1,5})?", re.IGNORECASE | re.ASCII)


def origin() -> Reader[str]:
    """The beginning of a URL, up to its path; the host in lower case."""
    allowed = "`https://host` or `http://host`, perhaps with a port, and no path"

    def read(value: str) -> str:
        url = urlsplit(value)
        is_bare = (
            url.scheme in {"http", "https"} and url.path in {"", "/"} and not (url.query or url.fragment)
        )
        if not is_bare or not _HOST.fullmatch(url.netloc) or url.port == 0:  # url.port raises, too
            raise ValueError(_expected(allowed))
        return f"{url.scheme}://{url.netloc.lower()}"

    return Reader(allowed, read)


def url() -> Reader[str]:
    """A URL, with its path. A refusal does not repeat it: it may hold a password."""
    allowed = "`https://…` or `http://…`"

    def read(value: str) -> str:
        if not _is_url(value):
            raise ValueError(_expected(allowed))
        return value

    return Reader(allowed, read)


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        is_port = parts.port != 0
    except ValueError:  # its message may repeat a password
        return False
    _, _, host = parts.netloc.rpartition("@")
    is_plain = not parts.fragment and not re.search(r"\s", value)
    return bool(parts.scheme in {"http", "https"} and _HOST.fullmatch(host) and is_port and is_plain)


_ORIGIN = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?(/[\w.~-]+)*", re.ASCII)


def log_origin() -> Reader[str]:
    """The beginning of a ledger's name: a URL without its scheme, as C2SP's tlog-checkpoint recommends."""
    allowed = "a host name in lower case, perhaps with a path, and no `https://`: `archive.example.com`"

    def read(value: str) -> str:
        if not _ORIGIN.fullmatch(value.rstrip("/")):
            raise ValueError(_expected(allowed))
        return value.rstrip("/")

    return Reader(allowed, read)


_VERIFIER_KEY = re.compile(r"[^\s+,]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+=*", re.ASCII)


def witness_list() -> Reader[tuple[tuple[str, str], ...]]:
    """The verifier key and the URL of each witness. Whether a key is right shows when it is used."""
    allowed = "`name+0123abcd+base64 https://witness.example`, or several of these with commas"

    def read(value: str) -> tuple[tuple[str, str], ...]:
        found: list[tuple[str, str]] = []
        for part in _parts(value):
            key, *urls = part.split()
            is_prefix = len(urls) == 1 and _is_url(urls[0]) and "?" not in urls[0]
            if not _VERIFIER_KEY.fullmatch(key) or not is_prefix:
                raise ValueError(_expected(allowed))
            found.append((key, urls[0].rstrip("/")))
        return tuple(found)

    return Reader(allowed, read)


_POSTGRES_URL = re.compile(r"postgres(?:ql)?(?:\+\w+)?://([^/?#]*)(.*)", re.DOTALL)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://.*", re.DOTALL)
_HOST_AND_PORT = re.compile(r"(?:[^,:]*|\[[^]]*\])(?::\d*)?", re.ASCII)


def database_url() -> Reader[str]:
    """The URL of a PostgreSQL database. A refusal repeats the scheme alone: the rest may hold a password."""
    allowed = "`postgresql://user:password@host/database`"

    def read(value: str) -> str:
        if not (url := _POSTGRES_URL.fullmatch(value)):
            scheme = _SCHEME.fullmatch(value)
            raise ValueError(_expected(allowed) + (f", not {scheme[1]}://" if scheme else ""))
        *_, hosts = url[1].rpartition("@")
        is_split = url[1].count("@") > 1 or "@" in url[2].partition("?")[0]
        if is_split or not all(_HOST_AND_PORT.fullmatch(host) for host in hosts.split(",")):
            encoded = "special characters percent-encoded (`@` is `%40`, `/` is `%2F`)"
            raise ValueError(f"{_expected(allowed)}, {encoded}")
        return value

    return Reader(allowed, read)
