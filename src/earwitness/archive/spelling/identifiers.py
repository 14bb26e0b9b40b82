"""Identifiers, compared as Unicode compares them: user names, e-mail addresses, Teams user ids."""

import re
import unicodedata

from earwitness.archive.spelling.letters import without_excess

# Default_Ignorable_Code_Point (Unicode Character Database, DerivedCoreProperties.txt): what is not drawn, as
# the zero-width space, the marks of direction that copied text carries, and variation selectors.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def folded_identifier(text: str) -> str:
    """What makes two identifiers the same: NFKC_Casefold (Unicode Standard, 3.13), without surrounding space.

    Accents stay: `rene` and `rené` are two. Folding twice changes nothing.
    """
    if text.isascii():
        return text.strip().lower()
    bounded = without_excess(_INVISIBLE.sub("", text))
    apart = without_excess(unicodedata.normalize("NFD", bounded))  # ΐ has two marks: fold it twice, the same
    folded = unicodedata.normalize("NFKC", apart.casefold())
    visible = _INVISIBLE.sub("", folded)
    return unicodedata.normalize("NFKC", visible.casefold()).strip()


def without_invisible(text: str) -> str:
    """A text without the characters that are not drawn."""
    return text if text.isascii() else _INVISIBLE.sub("", text)
