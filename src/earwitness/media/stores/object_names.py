"""The names of media objects: `ab/cd/<28 more hex digits>`, 128 random bits."""

import re

from earwitness.kernel.errors import Corrupt

_NAME = re.compile(r"[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{28}", re.ASCII)


class ObjectMissing(Corrupt):
    """A stored media object is missing."""


def name_of(digits: str) -> str:
    """The name that consists of these 32 hex digits."""
    return f"{digits[:2]}/{digits[2:4]}/{digits[4:]}"


def is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None


def check_name(text: str) -> str:
    """Raise ObjectMissing for text that is no name, so that it is never used as a path."""
    if not is_name(text):
        raise ObjectMissing("That is not the name of a media object.")
    return text
