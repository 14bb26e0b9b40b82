"""Whether the keys here are those which encrypted: asked at upgrades, of what was there before."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, select

from earwitness.archive.identity.checked_keys import CheckedKeys
from earwitness.archive.identity.key_checks import KeyChecks, differing
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.vault import recording_keys
from earwitness.kernel.errors import Corrupt, Problem
from earwitness.media.keys import WrappedKey
from earwitness.media.vault import key_context

_TRIED = 5
"""Keys of recordings: one of them may be damaged itself."""

Samples = Mapping[str, list[Row[Any]]]


def samples(connection: Connection) -> Samples:
    """Of each key-encryption key that an account needs, some keys of recordings that it wrapped.

    The index is asked for one key after the other, so that it does not matter how many recordings there are.
    """
    found: dict[str, list[Row[Any]]] = {}
    keys = recording_keys.c
    wrapped = (
        select(keys.kek_id, keys.vault_id, keys.wrapped_key, recordings.c.interaction_id)
        .join(recordings, recordings.c.position == keys.position)
        .limit(_TRIED)
    )
    next_id = select(keys.kek_id).order_by(keys.kek_id).limit(1)
    kek_id = connection.scalar(next_id)
    while kek_id is not None:
        found[kek_id] = list(connection.execute(wrapped.where(keys.kek_id == kek_id)))
        kek_id = connection.scalar(next_id.where(keys.kek_id > kek_id))
    return found


def prove(keys: CheckedKeys, checks: KeyChecks, client_id: int, needed: Samples) -> set[str]:
    """Open what the keys wrapped, and answer the ids of those. Raises Differs for a key that opens none."""
    here = needed.keys() & set(keys.ids)
    for kek_id in here:
        if not any(_opens(keys, client_id, row) for row in needed[kek_id]):
            raise differing(kek_id, checks.doubt(kek_id))
    return here


def _opens(keys: CheckedKeys, client_id: int, row: Row[Any]) -> bool:
    context = key_context(client_id, row.interaction_id, row.vault_id)
    try:
        keys.unwrap(WrappedKey(row.kek_id, row.wrapped_key), context)
    except Corrupt:
        return False
    except Problem:
        return True  # a service that does not answer says nothing of its keys
    return True
