"""A bucket: S3 and what speaks like it, Google Cloud Storage, or Azure, through `obstore`.

Credentials and addresses come from the environment, in the variables that each provider has for them.
What goes wrong is tried again for a minute, later each time.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, LocalStore, MemoryStore, S3Store

from earwitness.kernel.errors import Unavailable
from earwitness.kernel.settings import SettingError

if TYPE_CHECKING:
    from obstore.store import RetryConfig

Bucket = S3Store | GCSStore | AzureStore | LocalStore | MemoryStore

_SCHEMES: dict[str, type[S3Store | GCSStore | AzureStore]] = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}
_RETRIES: "RetryConfig" = {
    "max_retries": 8,
    "retry_timeout": timedelta(seconds=60),
    "backoff": {
        "init_backoff": timedelta(milliseconds=100),
        "max_backoff": timedelta(seconds=10),
        "base": 2,
    },
}
_RETRY_SECONDS = 30
_PLACE = re.compile(r"[^/?#]+(/[^?#]*)?")
_ANSWERED = re.compile(r"status code: (\d{3}[ \w]*)|<Code>(\w+)</Code>", re.ASCII)


class StoreUnavailable(Unavailable):
    """The media store is unavailable."""

    default_code = "media-store-unavailable"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The media store is unavailable: {reason}.", headers={"Retry-After": str(_RETRY_SECONDS)}
        )


def open_bucket(url: str, path: str, retries: "RetryConfig" = _RETRIES) -> Bucket:
    """The bucket of `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`, below `path`.

    Nothing is asked of it yet. Raises SettingError.
    """
    scheme, _, place = url.partition("://")
    kind = _SCHEMES.get(scheme)
    if kind is None or not _PLACE.fullmatch(place):
        raise SettingError(
            "EARWITNESS_MEDIA_URL: expected s3://bucket/prefix, gs://bucket/prefix or az://container/prefix"
        )
    try:
        return kind.from_url(f"{url.rstrip('/')}/{path}", retry_config=retries)
    except (BaseError, ValueError) as error:
        raise SettingError(f"EARWITNESS_MEDIA_URL cannot be used: {type(error).__name__}") from None


@contextmanager
def asking() -> Iterator[None]:
    """Turn what goes wrong with a bucket into StoreUnavailable."""
    try:
        yield
    except (BaseError, OSError, ValueError) as error:
        raise StoreUnavailable(_reason(error)) from error


def _reason(error: Exception) -> str:
    """What the bucket answered, without addresses and what might be secret in them."""
    answered = [number or code for number, code in _ANSWERED.findall(str(error))]
    return ", ".join(dict.fromkeys(answered)) or type(error).__name__
