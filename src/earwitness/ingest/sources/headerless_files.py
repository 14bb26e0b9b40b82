"""Files without a header: what they hold, by the extensions that PBXs give them.

Asterisk's are those of its `formats/format_*.c`; FreeSWITCH's are `PCMU`, `PCMA`, `G722`, `G729` and `GSM` of
mod_native_file and `r8` to `r32`, `ul16`, `al16` of mod_sndfile. What is here counts only where a file has no
header that says better. Not here, since nothing here decodes them: `.vox`, `.ilbc`, `.siren7`, `.siren14`,
`.g723`, and G.726 at other rates than 32 kbit/s.
"""

import re
from dataclasses import dataclass
from pathlib import PurePath

import msgspec

from earwitness.ingest.received import Received
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
"""Elsewhere `.pcm` is anything."""

_SAYS_ITSELF = re.compile(
    "mp[1234]|m4[av]|mov|qt|3g[p2]|mj2|mpe?g|ts|aac|latm|loas|e?ac3|tta|ape|wv|wsd|voc|ivf|amr|au"
)
"""What these hold, decoding finds by itself, though they do not all begin with a header."""


@dataclass(frozen=True, slots=True)
class Told:
    """What an operator says of files without a header; it wins over their extensions."""

    codec: HeaderlessCodec | None = None
    sample_rate: int | None = None
    channels: int | None = None
    is_asterisk: bool = False

    def of(self, name: str) -> Hint | None:
        """What a file of this name holds, if it has no header; None if nobody knows."""
        extension = PurePath(name).suffix[1:].lower()
        if _SAYS_ITSELF.fullmatch(extension):
            return None
        named = BY_EXTENSION.get(extension) or (_OF_ASTERISK.get(extension) if self.is_asterisk else None)
        if self.codec and (named is None or named.codec != self.codec):
            named = Hint(self.codec)
        if named is None:
            return None
        return Hint(named.codec, self.sample_rate or named.sample_rate, self.channels or named.channels)


def with_format(received: Received, told: Hint | None) -> Received:
    """The same with what is known of its file, as far as its source did not say it.

    What was sent is still what the recording is known by when it comes again.
    """
    values = received.values
    if told is None or (values.codec and values.codec != told.codec):
        return received
    hinted = msgspec.structs.replace(
        values,
        codec=told.codec,
        sample_rate=values.sample_rate or told.sample_rate,
        channels=values.channels or told.channels,
    )
    return msgspec.structs.replace(received, values=hinted)
