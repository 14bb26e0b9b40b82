"""Emoji as words: 👍 in any skin tone is one word; so is a flag, and several pictures joined to one.

Unicode calls them Extended_Pictographic and flag sequences (UTS #51; emoji-data.txt of Unicode 15.1), which
Python's `unicodedata` does not have. ©, ® and ™ are left out, and so are pictures of letters, digits
or punctuation, which are read as these: 1️⃣, Ⓜ, ℹ, ㊙, 🈚, ‼. ✓, ✗, ☆ and the rest of their blocks are added.
"""

import re

# Arrows, clocks and keys; the blocks Miscellaneous Symbols and Dingbats, without their brackets and digits;
# more arrows, squares and stars; of the blocks from Mahjong Tiles to Symbols and Pictographs Extended-A, the
# pictures and the code points reserved for pictures. Skin tones and the letters of flags are left out.
PICTURES = (
    "\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u2388\u23cf\u23e9-\u23f3\u23f8-\u23fa"
    "\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2600-\u2767\u2794-\u27bf\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c\u2b50"
    "\u2b55\u3030\u303d\U0001f000-\U0001f0ff\U0001f10d-\U0001f10f\U0001f12f\U0001f16d-\U0001f171"
    "\U0001f17e\U0001f17f\U0001f18e\U0001f191-\U0001f19a\U0001f1ad-\U0001f1e5\U0001f203-\U0001f20f"
    "\U0001f23c-\U0001f23f\U0001f249-\U0001f24f\U0001f252-\U0001f3fa\U0001f400-\U0001f53d\U0001f546-\U0001f64f"
    "\U0001f680-\U0001f6ff\U0001f774-\U0001f77f\U0001f7d5-\U0001f7ff\U0001f80c-\U0001f80f\U0001f848-\U0001f84f"
    "\U0001f85a-\U0001f85f\U0001f888-\U0001f88f\U0001f8ae-\U0001f8ff\U0001f90c-\U0001f93a\U0001f93c-\U0001f945"
    "\U0001f947-\U0001faff\U0001fc00-\U0001fffd"
)
SKIN_TONES = "\U0001f3fb-\U0001f3ff"
FLAG_LETTERS = "\U0001f1e6-\U0001f1ff"

JOINER = "\ue002"
"""What is between joined pictures in folded text. Many scripts use the joiner itself (ZWJ) in words."""

_LOOKS = rf"[\ufe0e\ufe0f{SKIN_TONES}]*"
_JOINED = rf"[{PICTURES}]{_LOOKS}(?:\u200d[{PICTURES}]{_LOOKS})+"
_FLAG_OF_A_PART = "\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,16}\U000e007f?"  # Wales
WHOLE = f"{_JOINED}|{_FLAG_OF_A_PART}"
"""A pattern of what is drawn as one picture: joined pictures, or a black flag and invisible letters."""

WORD = (
    rf"[{FLAG_LETTERS}]{{1,2}}|\U0001f3f4[\U000f0030-\U000f007a]{{1,16}}"
    rf"|[{PICTURES}](?:{JOINER}[{PICTURES}]){{0,9}}"
)
"""A pattern of one word in folded text."""

_WHOLE = re.compile(WHOLE)
_SEX = re.compile("\u200d[\u2640\u2642]")
_MAN_OR_WOMAN_AT_WORK = re.compile(
    f"^[\U0001f468\U0001f469](?={_LOOKS}\u200d[^\u2764\U0001f466-\U0001f469\U0001f476\U0001f48b\U0001f91d\U0001f9d1\U0001f9d2])"
)
_SHOWN = {0xE0000 + letter: 0xF0000 + letter for letter in range(0x30, 0x7B)}


def folded_emoji(text: str) -> str:
    """Write joined pictures so that folding keeps them in one piece, without their sex.

    🏃‍♀️ is read as 🏃 and 👩‍⚕️ as 🧑‍⚕️. Families and couples stay as they are.
    """
    if "\u200d" in text or "\U0001f3f4" in text:
        return _WHOLE.sub(_as_one, text)
    return text


def _as_one(found: re.Match[str]) -> str:
    neither = _MAN_OR_WOMAN_AT_WORK.sub("\U0001f9d1", _SEX.sub("", found[0]))
    return neither.replace("\u200d", JOINER).translate(_SHOWN)
