"""The names of files as text: in ids and in messages."""

import os
from pathlib import PurePath

_BYTES = {0xDC00 + byte: f"%{byte:02X}" for byte in range(0x80, 0x100)}


def readable(name: str | PurePath) -> str:
    """A file's name as text. Bytes that are not UTF-8 are written as `%` and hex digits: `caf%E9.wav`."""
    written = os.fsencode(name)
    try:
        return written.decode()
    except UnicodeDecodeError:
        return written.decode(errors="surrogateescape").translate(_BYTES)


def shown(name: str | PurePath) -> str:
    """A file's name that is safe to print: control characters are replaced."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in readable(name))
