"""All tables of one account, declared: importing this module fills `metadata`."""

from earwitness.archive.schema import folded, ledger, people, recordings, text, vault, work
from earwitness.archive.schema.columns import metadata

__all__ = ["folded", "ledger", "metadata", "people", "recordings", "text", "vault", "work"]
