"""The formats in which a recording can be played: one row for each.

To add a format: add its name and its row here, and its writer in `media/decoding/renditions/writers.py`.
"""

from dataclasses import dataclass
from typing import Final, Literal, get_args

Rendered = Literal["mp3", "mp3-mono", "wav", "wav-mono", "mp4"]
"""The name of a rendition, which is made from the original."""

Format = Literal[Rendered, "raw"]
"""The name of a format: a rendition, or the original as it was ingested."""

Need = Literal["nothing", "decoding", "sound"]
"""What a format needs of a recording: its media alone, media that can be decoded, or sound."""

Coding = Literal["as-sent", "pcm", "compressed"]
"""How a format stores sound: as it was sent, as 16-bit samples, or with a constant bit rate."""

DEFAULT_FORMAT: Final = "mp3"


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatRow:
    """What a format is.

    `file_ending` is None where the content decides. Sound of more than `most_channels` is mixed; None keeps
    all channels. `coding` gives the size of a rendition before it is made. `kept` says when its object is
    stored for good: `always`, or only where the settings name it.
    """

    media_type: str
    file_ending: str | None
    most_channels: int | None
    needs: Need
    coding: Coding
    kept: Literal["always", "if-set"]


FORMATS: Final[dict[Format, FormatRow]] = {
    "raw": FormatRow(
        media_type="application/octet-stream",
        file_ending=None,
        most_channels=None,
        needs="nothing",
        coding="as-sent",
        kept="always",
    ),
    "mp3": FormatRow(
        media_type="audio/mpeg",
        file_ending="mp3",
        most_channels=2,
        needs="sound",
        coding="compressed",
        kept="always",
    ),
    "mp3-mono": FormatRow(
        media_type="audio/mpeg",
        file_ending="mp3",
        most_channels=1,
        needs="sound",
        coding="compressed",
        kept="if-set",
    ),
    "wav": FormatRow(
        media_type="audio/wav",
        file_ending="wav",
        most_channels=None,
        needs="sound",
        coding="pcm",
        kept="if-set",
    ),
    "wav-mono": FormatRow(
        media_type="audio/wav",
        file_ending="wav",
        most_channels=1,
        needs="sound",
        coding="pcm",
        kept="if-set",
    ),
    "mp4": FormatRow(
        media_type="video/mp4",
        file_ending="mp4",
        most_channels=2,
        needs="decoding",
        coding="compressed",
        kept="if-set",
    ),
}

RENDERED: Final[tuple[Rendered, ...]] = get_args(Rendered)
"""The names of all renditions, in the order of the table."""


class FormatTableError(Exception):
    """A format has no row or no writer, or a row has a name that is no format."""


def check_names(expected: tuple[str, ...], found: tuple[str, ...], table: str) -> None:
    """Raise FormatTableError where a table does not have a row for each name, in their order."""
    if expected != found:
        raise FormatTableError(f"{table} has rows for {', '.join(found)}; expected {', '.join(expected)}")


check_names(("raw", *RENDERED), tuple(FORMATS), "FORMATS")

KEPT_IF_SET: Final = [name for name, row in FORMATS.items() if row.kept == "if-set"]
"""The renditions that are stored for good only where the settings name them."""

MEDIA_TYPES: Final = tuple(dict.fromkeys(FORMATS[name].media_type for name in get_args(Format)))


def formats_for(has: Need) -> list[Format]:
    """The formats of a recording that has this. A recording with sound can also be decoded."""
    met = get_args(Need)[: get_args(Need).index(has) + 1]
    return [name for name, row in FORMATS.items() if row.needs in met]
