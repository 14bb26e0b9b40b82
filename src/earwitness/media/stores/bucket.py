"""A bucket: S3 or a compatible server, Google Cloud Storage, or Azure, through `obstore`.

Credentials and addresses come from the environment, in the variables of each provider. A request that fails
is repeated for ten seconds, with growing pauses. `obstore` itself waits five seconds for a connection, and
thirty for an answer: enough for a part of 8 MiB over a line of 2.3 Mbit/s.
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
RETRIES: "RetryConfig" = {
    "max_retries": 8,
    "retry_timeout": timedelta(seconds=10),
    "backoff": {
        "init_backoff": timedelta(milliseconds=100),
        "max_backoff": timedelta(seconds=3),
        "base": 2,
    },
}
# For checks whether the bucket answers: they must be quick.
_FEW_RETRIES: "RetryConfig" = {**RETRIES, "max_retries": 1}
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
"""Parts of the error texts for a bucket that gave no answer, and what they mean."""


class StoreUnavailable(Unavailable):
    """The media store is unavailable."""

    default_code = "media-store-unavailable"
    is_told = True
    """It is logged as an outage where it is raised."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The media store is unavailable: {reason}.",
            headers={"Retry-After": str(_RETRY_SECONDS)},
            cause=reason,
        )

    @property
    def with_cause(self) -> str:
        return self.detail  # has the cause already


def open_bucket(
    url: str, path: str, *, persistent: bool = True, retries: "RetryConfig | None" = None
) -> Bucket:
    """The bucket of `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`, below `path`.

    It sends no request yet. Unless `persistent`, a request that fails is repeated only once. `retries` can
    replace the usual ones. Raises SettingError.
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
        usual = RETRIES if persistent else _FEW_RETRIES
        return kind.from_url(f"{url.rstrip('/')}/{path}", retry_config=retries or usual)
    except (BaseError, ValueError) as error:
        raise SettingError(f"EARWITNESS_MEDIA_URL cannot be used: {type(error).__name__}") from None


def _check_address() -> None:
    """Refuse an address that cannot be S3's: `obstore` would end the thread with it, or name no cause."""
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
    """Turn errors of a bucket into StoreUnavailable, and count them as an outage."""
    try:
        yield
    except (BaseError, OSError, ValueError) as error:
        problem = StoreUnavailable(_reason(error))
        # AlreadyExistsError is an answer of the bucket, so the bucket works.
        if not isinstance(error, AlreadyExistsError):
            outages.failed(_NAME, problem.cause)
        raise problem from error
    outages.worked(_NAME)


def _reason(error: Exception) -> str:
    """The reason of an error, without addresses, which may contain secrets."""
    text = str(error)
    if answered := [number or code for number, code in _ANSWERED.findall(text)]:
        return ", ".join(dict.fromkeys(answered))
    if system := _OF_THE_SYSTEM.search(text):
        return describe_errno(int(system[1]))
    meant = (meaning for sign, meaning in _OTHERWISE.items() if sign in text)
    return next(meant, type(error).__name__)
