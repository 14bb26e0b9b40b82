"""Settings: read once from the environment, then passed along as a value."""

import ipaddress
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from earwitness.kernel.formats import KEPT_IF_SET, RENDERED

log = logging.getLogger(__name__)

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[\w.-]+)(:\d{1,5})?", re.IGNORECASE | re.ASCII)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class SettingError(Exception):
    """A setting in the environment cannot be used."""


def _setting(variable: str, default: Any, meaning: str) -> Any:
    return field(default=default, metadata={"variable": f"EARWITNESS_{variable}", "meaning": meaning})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings. Each is described in `docs/settings.md`."""

    data: Path = _setting("DATA", Path("earwitness-data"), "The folder for databases and media.")
    keys: Path | None = _setting(
        "KEYS",
        None,
        "The folder for keys. Back it up separately from the data folder.",
    )
    key_encryption_key: str = _setting(
        "KEY_ENCRYPTION_KEY",
        "",
        "`id:base64` of a 256-bit key-encryption key, instead of the key file; several with "
        "commas, the current one first.",
    )
    kms: str = _setting(
        "KMS", "", "`module:function` that returns a key management service, used instead of the key file."
    )
    database_url: str = _setting(
        "DATABASE_URL",
        "",
        "`postgresql://user:password@host/database`: one schema for each account; needs the extra "
        "`postgres`. Unset: one SQLite file for each account, under the data folder.",
    )
    open_accounts: int = _setting(
        "OPEN_ACCOUNTS",
        100,
        "How many accounts, of those that nobody uses at the moment, each process keeps open: three files "
        "and about half a MiB each, more for large ones. On PostgreSQL it has no effect: all accounts share "
        "its connections.",
    )
    media_url: str = _setting(
        "MEDIA_URL",
        "",
        "`s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`; needs the extra `s3`. "
        "Credentials and addresses come from the provider's own variables (`AWS_ACCESS_KEY_ID`, "
        "`AWS_ENDPOINT_URL`, …; see operations.md). "
        "Unset: on disk, under the data folder.",
    )
    token_minutes: int = _setting("TOKEN_MINUTES", 60, "How long a bearer token is valid, in minutes.")
    refresh_token_hours: int = _setting(
        "REFRESH_TOKEN_HOURS", 24, "How long a refresh token is valid, in hours."
    )
    token_key: str = _setting(
        "TOKEN_KEY",
        "",
        "The secret that tokens are signed with, at least 32 characters; the same on all machines. Unset: "
        "a key made once, in the folder for keys.",
    )
    public_url: str = _setting(
        "PUBLIC_URL",
        "",
        "`https://archive.example.com`: the URL that clients use, if it is not `localhost` or an address "
        "of this machine. Signed media URLs begin with it, and calls that name another host are refused.",
    )
    trusted_proxies: tuple[Network, ...] = _setting(
        "TRUSTED_PROXIES",
        (),
        "Addresses or networks of reverse proxies, separated by commas, whose `X-Forwarded-For` and "
        "`X-Forwarded-Proto` are believed.",
    )
    request_seconds: int = _setting(
        "REQUEST_SECONDS",
        30,
        "How long a call may take that waits for no upload or download, in seconds; after that the answer "
        "is 503.",
    )
    connections: int = _setting(
        "CONNECTIONS",
        1000,
        "How many connections each server process holds at once. Beyond that, idle ones are closed for "
        "new ones; where none is idle, the answer is 503.",
    )
    max_upload_gib: int = _setting("MAX_UPLOAD_GIB", 8, "The largest upload that is accepted, in GiB.")
    jobs: bool = _setting(
        "JOBS", True, "`on`: the server does background jobs itself; `off`: `earwitness worker` does them."
    )
    process_jobs: int = _setting(
        "PROCESS_JOBS", 2, "How many recordings each server or worker process measures and encodes at once."
    )
    transcribe_jobs: int = _setting(
        "TRANSCRIBE_JOBS", 1, "How many recordings each server or worker process transcribes at once."
    )
    kept_renditions: tuple[str, ...] = _setting(
        "KEPT_RENDITIONS",
        (),
        "Renditions to keep once they have been made for playback, separated by commas: "
        f"{', '.join(f'`{name}`' for name in KEPT_IF_SET)}. `mp3` is always kept.",
    )
    decoder_seconds: int = _setting("DECODER_SECONDS", 3600, "How long one decoding may take, in seconds.")
    decoder_memory_mib: int = _setting(
        "DECODER_MEMORY_MIB", 1024, "How much memory one decoding may use, in MiB."
    )
    whisper_model: str = _setting(
        "WHISPER_MODEL",
        "",
        "The model for `faster-whisper`: a folder in CTranslate2's format, or `tiny.en`, which the extra "
        "`whisper-tiny-en` brings.",
    )
    transcription_seconds: int = _setting(
        "TRANSCRIPTION_SECONDS", 14400, "How long the transcription of one channel may take, in seconds."
    )
    transcription_memory_mib: int = _setting(
        "TRANSCRIPTION_MEMORY_MIB", 8192, "How much memory one transcription may use, in MiB."
    )
    min_free_mib: int = _setting(
        "MIN_FREE_MIB",
        512,
        "`/readyz` answers 503 when the disk of the data folder has less free space than this, in MiB.",
    )
    metrics_token: str = _setting(
        "METRICS_TOKEN",
        "",
        "A token with which callers on other machines can read `/metrics`, and operators the causes in "
        "`/readyz`.",
    )
    log_level: str = _setting("LOG_LEVEL", "INFO", "`DEBUG`, `INFO`, `WARNING` or `ERROR`.")

    @property
    def keys_folder(self) -> Path:
        """The folder of keys: by default beside the data folder, not in it."""
        data = Path(os.path.abspath(self.data))  # noqa: PTH100 - a link keeps its own place; `.` gets a name
        return self.keys or data.with_name(data.name + ".keys")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read the settings. Raises SettingError naming the variable that cannot be used."""
        known = {setting.metadata["variable"]: setting for setting in fields(cls)}
        for name in sorted(environment):
            if name.startswith("EARWITNESS_") and name not in known:
                log.warning("%s is not a setting; docs/settings.md lists them all", name)
        values: dict[str, Any] = {}
        for variable, setting in known.items():
            text = environment.get(variable, "").strip()
            if not text:
                continue
            try:
                values[setting.name] = _READERS.get(setting.name, str)(text)
            except ValueError as error:
                raise SettingError(f"{variable}: {error}") from None
        return cls(**values)


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ValueError("expected a whole number of at least 1")
    return int(text)


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip())


def _renditions(text: str) -> tuple[str, ...]:
    named = tuple(part.strip() for part in text.split(",") if part.strip())
    if unknown := set(named) - set(RENDERED):
        raise ValueError(f"there is no rendition {min(unknown)}")
    return named


def _level(text: str) -> str:
    if text.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        raise ValueError("expected DEBUG, INFO, WARNING or ERROR")
    return text.upper()


_POSTGRES_URL = re.compile(r"postgres(?:ql)?(?:\+\w+)?://([^/?#]*)(.*)", re.DOTALL)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://.*", re.DOTALL)
_HOST_AND_PORT = re.compile(r"(?:[^,:]*|\[[^]]*\])(?::\d*)?", re.ASCII)


def _database_url(text: str) -> str:
    """Refuse what is no URL of a PostgreSQL database, without a word of what may be its password."""
    expected = "expected postgresql://user:password@host/database"
    if not (url := _POSTGRES_URL.fullmatch(text)):
        scheme = _SCHEME.fullmatch(text)
        raise ValueError(f"{expected}, not {scheme[1]}://" if scheme else expected)
    *_, hosts = url[1].rpartition("@")
    is_split = url[1].count("@") > 1 or "@" in url[2].partition("?")[0]
    if is_split or not all(_HOST_AND_PORT.fullmatch(host) for host in hosts.split(",")):
        raise ValueError(f"{expected}, special characters percent-encoded (`@` is `%40`, `/` is `%2F`)")
    return text


def _switch(text: str) -> bool:
    if text.lower() not in {"on", "off"}:
        raise ValueError("expected on or off")
    return text.lower() == "on"


def _token_key(text: str) -> str:
    if len(text) < 32:
        raise ValueError("expected at least 32 characters")
    return text


def _origin(text: str) -> str:
    """Raise ValueError for what is not the beginning of a URL, up to its path."""
    url = urlsplit(text)
    bare = url.scheme in {"http", "https"} and url.path in {"", "/"} and not (url.query or url.fragment)
    if not bare or not _HOST.fullmatch(url.netloc) or url.port == 0:  # url.port raises, too
        raise ValueError("expected https://host or http://host, perhaps with a port, and no path")
    return f"{url.scheme}://{url.netloc.lower()}"


_READERS: dict[str, Any] = {
    "data": Path,
    "keys": Path,
    "open_accounts": _positive,
    "database_url": _database_url,
    "token_minutes": _positive,
    "refresh_token_hours": _positive,
    "token_key": _token_key,
    "public_url": _origin,
    "trusted_proxies": _networks,
    "request_seconds": _positive,
    "connections": _positive,
    "max_upload_gib": _positive,
    "jobs": _switch,
    "process_jobs": _positive,
    "transcribe_jobs": _positive,
    "kept_renditions": _renditions,
    "decoder_seconds": _positive,
    "decoder_memory_mib": _positive,
    "transcription_seconds": _positive,
    "transcription_memory_mib": _positive,
    "min_free_mib": _positive,
    "log_level": _level,
}
