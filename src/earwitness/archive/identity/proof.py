"""Proves, when an account is upgraded, that the keys and the store are those of its recordings."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from earwitness.archive.identity.checked_keys import CheckedKeys
from earwitness.archive.identity.key_checks import KeyChecks, differing
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.vault import media_objects, recording_keys
from earwitness.kernel.errors import Corrupt, Problem, Unavailable
from earwitness.kernel.settings import Settings
from earwitness.media.differing import Differs
from earwitness.media.keys.key_ring import WrappedKey
from earwitness.media.stores.store import open_store
from earwitness.media.stores.store_marker import place_in_words
from earwitness.media.vault import key_context

_TRIED = 5
"""How many keys of recordings are tried: one may be damaged itself."""

Samples = Mapping[str, list[Row[Any]]]


def samples(connection: Connection) -> Samples:
    """For each key-encryption key that an account needs, some keys of recordings that it wrapped.

    The index is asked for one key after the other, so that the number of recordings does not matter.
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


def newest_objects(connection: Connection) -> list[str]:
    """The names of some media objects that must be in the store."""
    newest = select(media_objects.c.name).order_by(media_objects.c.id.desc()).limit(_TRIED)
    return list(connection.scalars(newest))


def prove_store(settings: Settings, client_id: int, names: Sequence[str]) -> None:
    """Look for media objects in the store. Raises Differs if it has none of them."""
    store = open_store(settings, client_id)
    try:
        is_there = any(store.exists(name) for name in names)
    except Unavailable:
        return  # it is compared when it answers
    if not is_there:
        raise Differs(
            "store",
            f"The store of media has none of the newest media of account {client_id}.",
            f"Looked for in {place_in_words(settings)}: set EARWITNESS_MEDIA_URL to where it is. If it is "
            "lost, `earwitness installation accept store` accepts the store as it is.",
        )


def prove(keys: CheckedKeys, checks: KeyChecks, client_id: int, needed: Samples) -> set[str]:
    """Unwrap samples with the keys here. Returns the ids of the keys. Raises Differs if a key opens none."""
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
        return True  # a service that does not answer proves nothing
    return True
