"""HTTP requests to outside parties: witnesses and timestamp authorities. What they answer is hostile.

A request has a time limit as a whole, however slowly its answer comes; only a look-up of a host name may take
longer. An answer has a limit of size. Redirections are not followed. Certificates are checked with those that
the system trusts.
"""

import asyncio
from dataclasses import dataclass

import httpx2

MOST_ANSWER_BYTES = 1 << 20


class PostFailed(Exception):
    """The party gave no usable answer. The message has nothing of the URL, which may hold a password."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content_type: str
    body: bytes


async def post(url: str, body: bytes, content_type: str, seconds: float) -> Answer:
    """Raises PostFailed."""
    try:
        async with asyncio.timeout(seconds), httpx2.AsyncClient(timeout=seconds) as client:
            headers = {"Content-Type": content_type, "Accept-Encoding": "identity"}
            async with client.stream("POST", url, content=body, headers=headers) as response:
                return await _read(response)
    except TimeoutError:
        raise PostFailed(f"no answer within {seconds:g} seconds") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        raise PostFailed(f"no answer ({type(error).__name__})") from None


async def _read(response: httpx2.Response) -> Answer:
    body = b""
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > MOST_ANSWER_BYTES:
            raise PostFailed(f"an answer of more than {MOST_ANSWER_BYTES} bytes")
    content_type, _, _ = response.headers.get("content-type", "").partition(";")
    return Answer(response.status_code, content_type.strip().lower(), body)
