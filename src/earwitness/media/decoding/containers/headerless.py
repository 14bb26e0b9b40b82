"""Media without a header: only its source can say what it is."""

from earwitness.media.flow import File
from earwitness.media.measurement import HeaderlessCodec, Hint

# FFmpeg's name of the format in which each codec is read.
_READ_AS: dict[HeaderlessCodec, str] = {
    "pcm_alaw": "alaw",
    "pcm_mulaw": "mulaw",
    "pcm_s16le": "s16le",
    "pcm_s16be": "s16be",
    "g722": "g722",
    "g726": "g726",
    "g726le": "g726le",
    "g729": "g729",
    "gsm": "gsm",
}
# The first bytes of files that have a header.
_HEADERS = (
    b"RIFF",
    b"RF64",
    b"riff",
    b"FORM",
    b".snd",
    b"caff",
    b"NIST_1A\n",
    b"OggS",
    b"fLaC",
    b"ID3",
    b"#!AMR",
    b"FLV",
    b"TTA1",
    b"Creative Voice File"[:16],
    b"\x1aE\xdf\xa3",
    b"0&\xb2u\x8ef\xcf\x11",
)
_USUAL_RATE = 8000


def has_header(file: File) -> bool:
    """Whether a file has a header that says what it is."""
    file.seek(0)
    beginning = file.read(16)
    file.seek(0)
    return is_beginning(beginning)


def is_beginning(beginning: bytes) -> bool:
    """Whether the first 16 bytes of a file are a header that says what it is."""
    return beginning.startswith(_HEADERS) or beginning[4:8] == b"ftyp"


def how_to_read(hint: Hint) -> tuple[str, dict[str, str]]:
    """The format to read a file as, and its options. All codecs but PCM have one rate and one channel."""
    format_ = _READ_AS[hint.codec]
    if not hint.codec.startswith("pcm"):
        return format_, {}
    channels = hint.channels or 1
    layout = "mono" if channels == 1 else "stereo" if channels == 2 else f"{channels} channels"
    return format_, {"sample_rate": str(hint.sample_rate or _USUAL_RATE), "ch_layout": layout}
