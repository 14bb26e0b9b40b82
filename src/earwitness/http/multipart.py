"""Reads multipart/form-data (RFC 7578) as it arrives. It is never in memory as a whole."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from litestar import Request
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from earwitness.http.connections.body import take_upload
from earwitness.kernel.errors import BadRequest, Fault, TooLarge, UnsupportedMedia


@dataclass(frozen=True, slots=True)
class Began:
    """The beginning of a part. Its bytes follow."""

    name: str


async def events(request: Request[Any, Any, Any], most_bytes: int) -> AsyncIterator[Began | bytes]:
    """The parts of a body: for each a `Began`, then its bytes.

    Raises UnsupportedMedia (415), TooLarge (413), and BadRequest if the body is cut off or malformed.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != "multipart/form-data" or not options.get("boundary"):
        raise UnsupportedMedia("Send multipart/form-data, with a boundary.")
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > most_bytes:
        raise _too_large(most_bytes)
    take_upload(request)
    taken = 0
    try:
        parser = PushMultipartParser(options["boundary"], max_segment_count=16, strict=True)
        async for chunk in request.stream():
            taken += len(chunk)
            if taken > most_bytes:
                raise _too_large(most_bytes)
            for event in parser.parse(chunk) if chunk else ():
                if isinstance(event, MultipartSegment):
                    yield Began(event.name)
                elif event:
                    yield bytes(event)
        parser.close()
    except MultipartError as error:
        raise BadRequest.of(Fault("", f"expected complete multipart/form-data: {error}")) from None


def _too_large(most_bytes: int) -> TooLarge:
    return TooLarge(f"The request is larger than the limit of {most_bytes >> 30} GiB.")
