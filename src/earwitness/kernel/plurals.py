"""Numbers of things, in words for people."""


def counted(number: int, noun: str) -> str:
    """A number and its noun, which takes an s: `1 recording`, `2 recordings`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
