"""Reading media back: is every object there, does it verify, and is it what was stored?"""

import hashlib
from typing import Any

from sqlalchemy import select

from earwitness.archive.accounts import Archive
from earwitness.archive.playable import MediaObject, Playable, playable_at
from earwitness.archive.schema.vault import media_objects
from earwitness.kernel.errors import Corrupt
from earwitness.media.disk import ObjectMissing


def objects_to_verify(archive: Archive) -> list[tuple[int, str]]:
    """Every object there is now: its recording's position, and its kind."""
    with archive.read() as connection:
        rows = connection.execute(
            select(media_objects.c.position, media_objects.c.kind).order_by(media_objects.c.id)
        )
        return [(row.position, row.kind) for row in rows]


def damage_of(archive: Archive, which: tuple[int, str]) -> dict[str, Any] | None:
    """What is wrong with an object, or None. One that was replaced or removed meanwhile is not damaged."""
    position, kind = which
    with archive.read() as connection:
        playable = playable_at(connection, position)
    stored = playable.objects.get(kind)
    if stored is None:
        return None
    try:
        intact = _is_intact(archive, playable, stored)
    except ObjectMissing:
        return _named(playable, kind, "missing")
    except Corrupt:
        intact = False
    return None if intact else _named(playable, kind, "damaged")


def orphans(archive: Archive) -> list[str]:
    """The objects that no recording names."""
    found = set(archive.store.names())
    with archive.read() as connection:
        return sorted(found - set(connection.scalars(select(media_objects.c.name))))


def _is_intact(archive: Archive, playable: Playable, stored: MediaObject) -> bool:
    digest = hashlib.sha256()
    with archive.vault.open(stored.name, playable.key(archive.vault), stored.kind) as reader:
        for chunk in reader.chunks(0, reader.size):
            digest.update(chunk)
        return reader.size == stored.size_bytes and digest.digest() == stored.sha256


def _named(playable: Playable, kind: str, damage: str) -> dict[str, Any]:
    return {
        "damage": damage,
        "kind": kind,
        "interactionId": playable.interaction_id,
        "thirdPartyId": playable.third_party_id,
    }
