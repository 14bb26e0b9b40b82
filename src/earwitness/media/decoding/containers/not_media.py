"""The error for a file without sound or picture."""


class NotMedia(Exception):
    """The file has neither sound nor picture that can be decoded."""
