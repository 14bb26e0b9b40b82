"""JSON as files hold it: in UTF-8 with a byte order mark, or in UTF-16 or UTF-32 with or without one.

What cannot be decoded of UTF-16 becomes the escape of a lone surrogate: reading mends and marks it.
"""

import codecs
import json
from collections.abc import Iterator
from io import BufferedReader, TextIOWrapper

_LONE = "earwitness.lone"


def _as_lone_surrogate(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\\ud800", error.end


codecs.register_error(_LONE, _as_lone_surrogate)


def as_utf8(body: bytes, *, lenient: bool = False) -> bytes:
    """The same JSON in UTF-8, without a mark; what is no UTF-8 stays as it is, unless `lenient`."""
    encoding = json.detect_encoding(body)
    if encoding.startswith("utf-8") and not lenient:
        return body.removeprefix(codecs.BOM_UTF8)
    return body.decode(encoding, _LONE).encode()


def lines_of(file: BufferedReader) -> Iterator[bytes]:
    """The lines of JSON in a file, in UTF-8, without a mark."""
    encoding = json.detect_encoding(file.peek(4)[:4])
    if encoding.startswith("utf-8"):
        first = file.readline().removeprefix(codecs.BOM_UTF8)
        if first:
            yield first
        yield from file
        return
    text = TextIOWrapper(file, encoding, _LONE, newline="\n")
    for line in text:
        yield line.encode()
    text.detach()
