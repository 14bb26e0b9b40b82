"""The names of media objects: `ab/cd/<28 more hex digits>`, 128 random bits that say nothing."""

import re

from earwitness.kernel.errors import Corrupt

_NAME = re.compile(r"[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{28}", re.ASCII)


class ObjectMissing(Corrupt):
    """Stored media is not where it was put."""


def name_of(digits: str) -> str:
    """The name that 32 hex digits make."""
    return f"{digits[:2]}/{digits[2:4]}/{digits[4:]}"


def is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None


def check_name(text: str) -> str:
    """Raise ObjectMissing for what is no name: it is never a path to elsewhere."""
    if not is_name(text):
        raise ObjectMissing("That is no name of a media object.")
    return text
