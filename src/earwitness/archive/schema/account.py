"""All tables of one account, declared: importing this module fills `metadata`."""

from earwitness.archive.schema import folded, people, recordings, text, vault, work
from earwitness.archive.schema.columns import metadata

__all__ = ["folded", "metadata", "people", "recordings", "text", "vault", "work"]
