"""Names, compared as people type them: `O’Neill` is found by `o'neill` and `oneill`, `Zoë` by `zoe`."""

from earwitness.archive.spelling.identifiers import without_invisible
from earwitness.archive.spelling.tokens import fold

# What is typed for one another: apostrophes, and hyphens and dashes. Folding would make a space of ´.
_TYPED = str.maketrans(dict.fromkeys("’‘‛`´′ʹˊˋˈ՚׳ꞌ＇｀", "'") | dict.fromkeys("‐‑‒–—―−⁃֊־᠆﹘﹣－", "-"))


def fold_name(text: str) -> str:
    """Fold a text, with one apostrophe and one hyphen for all there are. Folding twice changes nothing."""
    return fold(without_invisible(text).translate(_TYPED))


def without_apostrophes(folded: str) -> str:
    """A folded text as those write it who leave apostrophes out. What is nothing else stays."""
    return folded.replace("'", "") or folded
