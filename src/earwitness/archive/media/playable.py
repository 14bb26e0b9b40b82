"""What can be played of a recording: its objects, its key, and what is known about its sound."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, delete, select, update

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.access.visibility import limits_of
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.vault import media_objects, recording_keys
from earwitness.kernel.errors import Corrupt, NotFound
from earwitness.media.keys.key_ring import WrappedKey
from earwitness.media.measurement import DECODER_VERSION, Hint
from earwitness.media.vault import RecordingKey, Vault

_HINT = "mediaHint"
# In a measurement: for each rendition that was made again later, the version of the decoder that made it.
_MADE_ANEW = "made_anew"


@dataclass(frozen=True, slots=True)
class MediaObject:
    """A stored object: the original (`raw`) or a rendition."""

    kind: str
    name: str
    size_bytes: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Playable:
    """A recording that was looked up once, so that reading it later needs no database."""

    position: int
    interaction_id: int
    third_party_id: str
    status: str
    measurement: dict[str, Any] | None
    objects: dict[str, MediaObject]
    wrapped: WrappedKey | None = field(repr=False)
    vault_id: bytes = b""
    hint: Hint | None = None
    """What the source said about media without a header; each decoding needs it."""
    has_sender_times: bool = False
    """Whether the source said when it ended."""

    @property
    def is_new(self) -> bool:
        """Whether its media waits for its first job, or is to be decoded as if it had just arrived."""
        return self.status == "received"

    @property
    def raw(self) -> MediaObject | None:
        return self.objects.get("raw")

    def stored(self, format_: str) -> MediaObject | None:
        """The object of a format, unless it is a rendition that an earlier version of the decoder made."""
        return None if self.is_outdated(format_) else self.objects.get(format_)

    def is_outdated(self, format_: str) -> bool:
        """Whether there is a rendition that has to be made again when it is asked for."""
        if format_ == "raw" or format_ not in self.objects or self.measurement is None:
            return False
        made_by = self.measurement.get(_MADE_ANEW, {}).get(
            format_, self.measurement.get("decoder_version", 1)
        )
        return bool(made_by < DECODER_VERSION)

    def key(self, vault: Vault) -> RecordingKey:
        """The recording's key. Raises Corrupt."""
        if self.wrapped is None:
            raise Corrupt("The key of this recording is missing.")
        return vault.unwrap(self.wrapped, self.vault_id, self.interaction_id)


# Built once, since a player asks for one part after the other. One row for each object.
_PLAYABLE = (
    select(
        recordings.c.position,
        recordings.c.interaction_id,
        recordings.c.third_party_id,
        recordings.c.status,
        recordings.c.measurement,
        recordings.c.metadata,
        recordings.c.has_sender_times,
        recording_keys.c.vault_id,
        recording_keys.c.kek_id,
        recording_keys.c.wrapped_key,
        media_objects.c.kind,
        media_objects.c.name,
        media_objects.c.size_bytes,
        media_objects.c.sha256,
    )
    .outerjoin(recording_keys, recording_keys.c.position == recordings.c.position)
    .outerjoin(media_objects, media_objects.c.position == recordings.c.position)
)
_AT_POSITION = _PLAYABLE.where(recordings.c.position == bindparam("asked"))
_BY_ID = _PLAYABLE.where(recordings.c.interaction_id == bindparam("asked"))
_BY_THIRD_PARTY_ID = _PLAYABLE.where(recordings.c.third_party_id == bindparam("asked"))


def find_playable(connection: Connection, viewer: Viewer, id_: int | str) -> Playable:
    """The recording of an interactionId, or of a thirdPartyId, which is a string.

    Raises NotFound if there is none that the viewer may see.
    """
    statement = _BY_THIRD_PARTY_ID if isinstance(id_, str) else _BY_ID
    if limits := list(limits_of(viewer)):
        statement = statement.where(*limits)
    rows = connection.execute(statement, {"asked": id_}).all()
    if not rows:
        raise NotFound(f"There is no recording {id_}.")
    return _read(rows)


def playable_at(connection: Connection, position: int) -> Playable:
    """The recording at a position; there must be one."""
    return _read(connection.execute(_AT_POSITION, {"asked": position}).all())


def drop_outdated(connection: Connection, playable: Playable, format_: str) -> str | None:
    """Remove the row of an outdated rendition before its successor is stored. Returns its object's name."""
    if not playable.is_outdated(format_):
        return None
    kind = (media_objects.c.position == playable.position, media_objects.c.kind == format_)
    connection.execute(delete(media_objects).where(*kind))
    known = playable.measurement or {}
    newer = known | {_MADE_ANEW: known.get(_MADE_ANEW, {}) | {format_: DECODER_VERSION}}
    connection.execute(
        update(recordings).where(recordings.c.position == playable.position).values(measurement=newer)
    )
    return playable.objects[format_].name


def _read(rows: Sequence[Any]) -> Playable:
    row = rows[0]
    objects = [
        MediaObject(one.kind, one.name, one.size_bytes, one.sha256) for one in rows if one.name is not None
    ]
    return Playable(
        position=row.position,
        interaction_id=row.interaction_id,
        third_party_id=row.third_party_id,
        status=row.status,
        measurement=row.measurement,
        objects={one.kind: one for one in objects},
        wrapped=None if row.wrapped_key is None else WrappedKey(row.kek_id, row.wrapped_key),
        vault_id=row.vault_id or b"",
        hint=hint_in(row.metadata),
        has_sender_times=row.has_sender_times,
    )


def with_hint(metadata: dict[str, Any], hint: Hint | None) -> dict[str, Any]:
    """A recording's metadata with what the source said about its media, if it said anything."""
    return metadata | ({_HINT: msgspec.to_builtins(hint)} if hint else {})


def hint_in(metadata: dict[str, Any]) -> Hint | None:
    """What the source said about a recording's media, from its metadata."""
    try:
        return msgspec.convert(metadata.get(_HINT), Hint | None)
    except msgspec.ValidationError:
        return None  # the source's own metadata uses that name
