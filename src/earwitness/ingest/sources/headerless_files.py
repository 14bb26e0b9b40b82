"""Files without a header: the codec of each extension that PBXs use.

Asterisk's extensions are those of its `formats/format_*.c`. FreeSWITCH's are `PCMU`, `PCMA`, `G722`, `G729`
and `GSM` of mod_native_file, and `r8` to `r32`, `ul16`, `al16` of mod_sndfile. If a file has a header, the
header counts. Earwitness cannot decode `.vox`, `.ilbc`, `.siren7`, `.siren14`, `.g723`, and G.726 at other
rates than 32 kbit/s.
"""

import re
from dataclasses import dataclass
from pathlib import PurePath

import msgspec

from earwitness.ingest.parsed_metadata import ParsedMetadata
from earwitness.media.measurement import HeaderlessCodec, Hint

_PCM = {"sln": 8, "raw": 8, "r8": 8, "r16": 16, "r24": 24, "r32": 32} | {
    f"sln{rate}": rate for rate in (12, 16, 24, 32, 44, 48, 96, 192)
}
_RATES_HZ = {44: 44_100}

BY_EXTENSION: dict[str, Hint] = {
    **dict.fromkeys(("ulaw", "ul", "mu", "ulw", "pcmu"), Hint("pcm_mulaw", 8000, 1)),
    **dict.fromkeys(("alaw", "al", "alw", "pcma"), Hint("pcm_alaw", 8000, 1)),
    "ul16": Hint("pcm_mulaw", 16_000, 1),
    "al16": Hint("pcm_alaw", 16_000, 1),
    **{name: Hint("pcm_s16le", _RATES_HZ.get(rate, rate * 1000), 1) for name, rate in _PCM.items()},
    "g722": Hint("g722"),
    "gsm": Hint("gsm"),
    "g729": Hint("g729"),
    "g726-32": Hint("g726le"),
}
_OF_ASTERISK = {"pcm": Hint("pcm_mulaw", 8000, 1)}
"""Other programs use `.pcm` for anything."""

_SELF_DESCRIBING = re.compile(
    "mp[1234]|m4[av]|mov|qt|3g[p2]|mj2|mpe?g|ts|aac|latm|loas|e?ac3|tta|ape|wv|wsd|voc|ivf|amr|au"
)
"""The decoder recognises these files by itself, although not all of them begin with a header."""


@dataclass(frozen=True, slots=True)
class StatedFormat:
    """What an operator states about files without a header. It takes precedence over their extensions."""

    codec: HeaderlessCodec | None = None
    sample_rate: int | None = None
    channels: int | None = None
    is_asterisk: bool = False

    def of(self, name: str) -> Hint | None:
        """The format of a file of this name, if it has no header; None if it is not known."""
        extension = PurePath(name).suffix[1:].lower()
        if _SELF_DESCRIBING.fullmatch(extension):
            return None
        known = BY_EXTENSION.get(extension) or (_OF_ASTERISK.get(extension) if self.is_asterisk else None)
        if self.codec and (known is None or known.codec != self.codec):
            known = Hint(self.codec)
        if known is None:
            return None
        return Hint(known.codec, self.sample_rate or known.sample_rate, self.channels or known.channels)


def with_format(metadata: ParsedMetadata, stated: Hint | None) -> ParsedMetadata:
    """The metadata with the format of its file, unless the source stated one.

    The digest, by which a recording that comes again is known, is still that of what was sent.
    """
    values = metadata.values
    if stated is None or (values.codec and values.codec != stated.codec):
        return metadata
    hinted = msgspec.structs.replace(
        values,
        codec=stated.codec,
        sample_rate=values.sample_rate or stated.sample_rate,
        channels=values.channels or stated.channels,
    )
    return msgspec.structs.replace(metadata, values=hinted)
