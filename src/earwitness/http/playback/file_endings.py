"""The file ending of an original, by its first bytes: players and people go by the ending."""

_BEGINNINGS: tuple[tuple[int, bytes, str], ...] = (
    (8, b"WAVE", "wav"),
    (8, b"AVI ", "avi"),
    (8, b"AIFF", "aiff"),
    (8, b"AIFC", "aiff"),
    (8, b"M4A ", "m4a"),
    (4, b"ftyp", "mp4"),
    (0, b"OggS", "ogg"),
    (0, b"fLaC", "flac"),
    (0, b"ID3", "mp3"),
    (0, b"\xff\xfb", "mp3"),
    (0, b"\xff\xf3", "mp3"),
    (0, b"\xff\xf2", "mp3"),
    (0, b"#!AMR", "amr"),
    (0, b"caff", "caf"),
    (0, b".snd", "au"),
    (0, b"FLV", "flv"),
    (0, b"\x1a\x45\xdf\xa3", "mkv"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "wma"),
)
"""An offset, the bytes there, and the file ending that they mean. The first row that fits counts."""


def ending_of(beginning: bytes) -> str:
    """The ending for the first 16 bytes of a file; `raw` if they are not known."""
    return next((end for at, mark, end in _BEGINNINGS if beginning[at:].startswith(mark)), "raw")
