"""Comparing identifiers as Unicode recommends: user names, email addresses, Teams user ids."""

import re
import unicodedata

from earwitness.archive.spelling.letters import without_excess

# Default_Ignorable_Code_Point (Unicode Character Database, DerivedCoreProperties.txt): characters that are
# not drawn, such as the zero-width space, marks of direction in copied text, and variation selectors.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def folded_identifier(text: str) -> str:
    """The form in which two equal identifiers match: NFKC_Casefold (Unicode Standard, 3.13), stripped.

    Accents stay: `rene` and `rené` differ. Folding twice changes nothing.
    """
    if text.isascii():
        return text.strip().lower()
    bounded = without_excess(_INVISIBLE.sub("", text))
    apart = without_excess(
        unicodedata.normalize("NFD", bounded)
    )  # or ΐ, which has two marks, would fold differently twice
    folded = unicodedata.normalize("NFKC", apart.casefold())
    visible = _INVISIBLE.sub("", folded)
    return unicodedata.normalize("NFKC", visible.casefold()).strip()


def without_invisible(text: str) -> str:
    """A text without the characters that are not drawn."""
    return text if text.isascii() else _INVISIBLE.sub("", text)
