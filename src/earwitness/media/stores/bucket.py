"""A bucket: S3 and what speaks like it, Google Cloud Storage, or Azure, through `obstore`.

Credentials and addresses come from the environment, in the variables that each provider has for them.
What goes wrong is tried again for ten seconds, later each time. By itself `obstore` gives a connection five
seconds to be made and a request thirty to be answered: a part of 8 MiB arrives over a line of 2.3 Mbit/s.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import AzureStore, GCSStore, LocalStore, MemoryStore, S3Store

from earwitness.kernel.errors import Unavailable
from earwitness.kernel.outages import outages
from earwitness.kernel.settings import SettingError
from earwitness.kernel.system.os_errors import describe_errno

if TYPE_CHECKING:
    from obstore.store import RetryConfig

Bucket = S3Store | GCSStore | AzureStore | LocalStore | MemoryStore

_SCHEMES: dict[str, type[S3Store | GCSStore | AzureStore]] = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}
_RETRIES: "RetryConfig" = {
    "max_retries": 8,
    "retry_timeout": timedelta(seconds=10),
    "backoff": {
        "init_backoff": timedelta(milliseconds=100),
        "max_backoff": timedelta(seconds=3),
        "base": 2,
    },
}
# For who asks whether it answers, and is to know soon.
_FEW_RETRIES: "RetryConfig" = {**_RETRIES, "max_retries": 1}
_RETRY_SECONDS = 30
_NAME = "media store"
_PLACE = re.compile(r"[^/?#]+(/[^?#]*)?")
_ADDRESSES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_ADDRESS = re.compile(
    r"https?://([\w.-]+|\[[\da-f:.]+\])(?::(\d{1,5}))?(/[^\s?#]*)?", re.ASCII | re.IGNORECASE
)
_LAST_PORT = 65535
_YES = ("1", "true", "on", "yes", "y")
_NO = ("0", "false", "off", "no", "n")
_ANSWERED = re.compile(r"status code: (\d{3}[ \w]*)|<Code>(\w+)</Code>", re.ASCII)
_OF_THE_SYSTEM = re.compile(r"Os \{\s*code: (\d+)", re.ASCII)
_OTHERWISE = {
    '"dns error"': "its host name cannot be resolved",
    "source: TimedOut": "it does not answer",
    "kind: Timeout": "it does not answer",
    "certificate": "its certificate is not accepted",
}
"""What there may be in an error without an answer, and what that means."""


class StoreUnavailable(Unavailable):
    """The media store is unavailable."""

    default_code = "media-store-unavailable"
    is_told = True
    """As an outage, where it is raised."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The media store is unavailable: {reason}.",
            headers={"Retry-After": str(_RETRY_SECONDS)},
            cause=reason,
        )

    @property
    def with_cause(self) -> str:
        return self.detail  # which has it


def open_bucket(url: str, path: str, *, persistent: bool = True) -> Bucket:
    """The bucket of `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`, below `path`.

    Nothing is asked of it yet. Unless `persistent`, what goes wrong is tried again just once. Raises
    SettingError.
    """
    scheme, _, place = url.partition("://")
    kind = _SCHEMES.get(scheme)
    if kind is None or not _PLACE.fullmatch(place):
        raise SettingError(
            "EARWITNESS_MEDIA_URL: expected s3://bucket/prefix, gs://bucket/prefix or az://container/prefix"
        )
    if scheme == "s3":
        _check_address()
    try:
        retries = _RETRIES if persistent else _FEW_RETRIES
        return kind.from_url(f"{url.rstrip('/')}/{path}", retry_config=retries)
    except (BaseError, ValueError) as error:
        raise SettingError(f"EARWITNESS_MEDIA_URL cannot be used: {type(error).__name__}") from None


def _check_address() -> None:
    """Refuse an address that is none of S3: `obstore` ends the thread, or names no cause when it is asked."""
    allows_http = os.environ.get("AWS_ALLOW_HTTP", "false").lower()
    if allows_http not in (*_YES, *_NO):
        raise SettingError("AWS_ALLOW_HTTP: expected true or false")
    for name in _ADDRESSES:
        address = os.environ.get(name)
        if address is None:
            continue
        found = _ADDRESS.fullmatch(address)
        if found is None or int(found[2] or 0) > _LAST_PORT:
            raise SettingError(f"{name}: expected https://host:port, or http://host:port")
        if address.lower().startswith("http:") and allows_http in _NO:
            raise SettingError(f"{name} begins with http://: set AWS_ALLOW_HTTP=true, or use https://")


@contextmanager
def asking() -> Iterator[None]:
    """Turn what goes wrong with a bucket into StoreUnavailable."""
    try:
        yield
    except (BaseError, OSError, ValueError) as error:
        problem = StoreUnavailable(_reason(error))
        if not isinstance(error, AlreadyExistsError):  # it answered, to who put something twice
            outages.failed(_NAME, problem.cause)
        raise problem from error
    outages.worked(_NAME)


def _reason(error: Exception) -> str:
    """What the bucket answered, without addresses and what might be secret in them."""
    said = str(error)
    if answered := [number or code for number, code in _ANSWERED.findall(said)]:
        return ", ".join(dict.fromkeys(answered))
    if system := _OF_THE_SYSTEM.search(said):
        return describe_errno(int(system[1]))
    meant = (meaning for sign, meaning in _OTHERWISE.items() if sign in said)
    return next(meant, type(error).__name__)
