"""The encodings of JSON files: UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

Bytes that cannot be decoded become the escape of a lone surrogate, which is replaced and marked when the JSON
is read.
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
    """JSON in UTF-8 without a byte order mark. Bytes that are not UTF-8 are kept, unless `lenient`."""
    encoding = json.detect_encoding(body)
    if encoding.startswith("utf-8") and not lenient:
        return body.removeprefix(codecs.BOM_UTF8)
    return body.decode(encoding, _LONE).encode()


def lines_of(file: BufferedReader) -> Iterator[bytes]:
    """The lines of a JSON Lines file, in UTF-8, without a byte order mark."""
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
