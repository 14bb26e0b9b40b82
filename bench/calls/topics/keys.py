"""Rotation of keys: the key of every recording is wrapped anew."""

import os
import subprocess
import sys
from functools import partial

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench.calls.measuring import in_turns, spent
from bench.calls.rows import Figure, Row
from bench.calls.site import Site
from bench.media.servers import environment
from earwitness.media.vault import new_recording_key

_COMMITTED_TOGETHER = 500
_INSERT = "INSERT INTO recording_keys (position, vault_id, kek_id, wrapped_key) VALUES (?, ?, ?, ?)"


def _rotation(site: Site) -> Figure:
    """The command's time beside that of a command that only counts the keys."""
    _fill(site)

    def rotate() -> float:
        site.hand.settle()
        return _spent(site, "rotate") - _spent(site, "list")

    return in_turns(site.mass_rounds, rotate, lambda: spent(site.used_here, lambda: _by_hand(site)))


def _fill(site: Site) -> None:
    """Give all recordings a key, as if they had media."""
    vault = site.archive.vault
    rows = []
    without = (
        "SELECT position, interaction_id FROM recordings WHERE position NOT IN (SELECT position FROM {})"
    )
    for position, interaction_id in site.hand.all(without.format("recording_keys")):
        key = new_recording_key()
        wrapped = vault.wrap(key, interaction_id)
        rows.append((position, key.vault_id, wrapped.kek_id, wrapped.wrapped))
    site.hand.write_many(_INSERT, rows)


def _spent(site: Site, command: str) -> float:
    words = [sys.executable, "-m", "earwitness", "key", command, "--json"]
    variables = os.environ | environment(site.settings)
    run = partial(subprocess.run, words, env=variables, check=True, stdout=subprocess.DEVNULL)
    return spent(site.used_here, run)


def _by_hand(site: Site) -> None:
    """Unwrap and wrap as many keys, and write their rows."""
    old, new = (AESGCM(AESGCM.generate_key(256)) for _ in range(2))
    wrapped = old.encrypt(bytes(12), bytes(32), b"context")
    rows = site.hand.all(
        "SELECT position, vault_id, kek_id, wrapped_key FROM recording_keys ORDER BY position"
    )
    for first in range(0, len(rows), _COMMITTED_TOGETHER):
        changed = []
        for position, _, kek_id, stored in rows[first : first + _COMMITTED_TOGETHER]:
            key = old.decrypt(bytes(12), wrapped, b"context")
            new.encrypt(os.urandom(12), key, b"context")
            changed.append((kek_id, stored, position))
        site.hand.write_many(
            "UPDATE recording_keys SET kek_id = ?, wrapped_key = ? WHERE position = ?", changed
        )


ROWS = (
    Row(
        "key rotation",
        "ms of processor",
        "AES-GCM and an UPDATE for each key, committed 500 at a time",
        3,
        _rotation,
        "stopped",
    ),
)
