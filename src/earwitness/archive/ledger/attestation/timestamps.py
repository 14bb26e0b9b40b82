"""Timestamps (RFC 3161): an authority confirms that the text of a checkpoint existed at a time.

What is kept is the token as the authority made it, so that `openssl ts -verify` can read it. Whether the
authority is to be trusted is for the reader to say: its certificate is in the token, and is not judged here.
"""

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import datetime

from rfc3161_client import (
    HashAlgorithm,
    PKIStatus,
    TimeStampRequest,
    TimestampRequestBuilder,
    TimeStampResponse,
    decode_timestamp_response,
)

from earwitness.archive.ledger.attestation.posting import PostFailed, post

_ASKS = "application/timestamp-query"
_ANSWERS = "application/timestamp-reply"
_SHA256 = "2.16.840.1.101.3.4.2.1"


class TimestampFailed(Exception):
    """There is no timestamp. The message says why, and has nothing of the URL."""


@dataclass(frozen=True, slots=True)
class Timestamp:
    """`token` is the DER of RFC 3161's TimeStampToken."""

    token: bytes
    at: datetime


def timestamp(url: str, content: bytes, seconds: float = 20) -> Timestamp:
    """Have some bytes confirmed. Raises TimestampFailed, at the latest after `seconds`."""
    request = TimestampRequestBuilder().data(content).hash_algorithm(HashAlgorithm.SHA256).build()
    try:
        answer = asyncio.run(post(url, request.as_bytes(), _ASKS, seconds))
    except PostFailed as error:
        raise TimestampFailed(str(error)) from None
    if answer.status != 200 or answer.content_type != _ANSWERS:
        raise TimestampFailed(f"it answered {answer.status}, and no timestamp")
    return _checked(request, content, answer.body)


def _checked(request: TimeStampRequest, content: bytes, body: bytes) -> Timestamp:
    """The token of a response, if it is about this request. Raises TimestampFailed."""
    try:
        response = decode_timestamp_response(body)
        granted = response.status in (PKIStatus.GRANTED, PKIStatus.GRANTED_WITH_MODS)
        trouble = _trouble(request, content, response) if granted else "it granted none"
        if not trouble:
            token, at = response.time_stamp_token(), response.tst_info.gen_time
    except ValueError:
        raise TimestampFailed("its answer is no timestamp") from None
    if trouble:
        raise TimestampFailed(trouble)
    if token not in body:
        raise TimestampFailed("its token cannot be kept as it is: it is not DER")
    return Timestamp(token, at)


def _trouble(request: TimeStampRequest, content: bytes, response: TimeStampResponse) -> str:
    info = response.tst_info
    if info.message_imprint.hash_algorithm.dotted_string != _SHA256:
        return "its timestamp is not over SHA-256"
    if info.message_imprint.message != hashlib.sha256(content).digest():
        return "its timestamp is over something else"
    if info.nonce != request.nonce:
        return "its timestamp answers another request"
    return ""
