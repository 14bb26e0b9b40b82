"""The version of this program."""

from functools import cache
from importlib import metadata


@cache
def program_version() -> str:
    return metadata.version("earwitness")
