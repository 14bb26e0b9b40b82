"""Base64 (RFC 4648, section 4) with one text for each value."""

import base64
import binascii


def encode(value: bytes) -> str:
    return base64.b64encode(value).decode()


def decode(text: str) -> bytes:
    """Raises ValueError for all that `encode` does not write, such as other bits in the last character."""
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not base64") from None
    if encode(value) != text:
        raise ValueError("not base64 as it is written")
    return value
