"""Comparing names as people type them: `O’Neill` is found by `o'neill` and `oneill`, `Zoë` by `zoe`."""

from earwitness.archive.spelling.identifiers import without_invisible
from earwitness.archive.spelling.tokens import fold

# Characters that are typed for an apostrophe or a hyphen. Folding alone would make a space of ´.
_TYPED = str.maketrans(dict.fromkeys("’‘‛`´′ʹˊˋˈ՚׳ꞌ＇｀", "'") | dict.fromkeys("‐‑‒–—―−⁃֊־᠆﹘﹣－", "-"))


def fold_name(text: str) -> str:
    """Fold a text, and write all apostrophes and all hyphens alike. Folding twice changes nothing."""
    return fold(without_invisible(text).translate(_TYPED))


def without_apostrophes(folded: str) -> str:
    """A folded text without apostrophes. A text of apostrophes alone stays."""
    return folded.replace("'", "") or folded
