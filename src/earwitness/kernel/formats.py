"""The formats a recording can be had in."""

from typing import Literal, get_args

Rendered = Literal["mp3", "mp3-mono", "wav", "wav-mono", "mp4"]
RENDERED: tuple[Rendered, ...] = get_args(Rendered)

Format = Literal[Rendered, "raw"]
"""A rendition, or byte for byte what came."""
