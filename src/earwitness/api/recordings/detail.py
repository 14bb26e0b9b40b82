"""Get recording detail: POST /client/recording.detail.get."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated, Any

from msgspec import Meta
from sqlalchemy import Connection, select

from earwitness.api.recordings.wave_form import WaveForm, wave_form, waves_at
from earwitness.archive.access.viewer import Viewer
from earwitness.archive.access.visible_recordings import visible_rows
from earwitness.archive.database.json_columns import as_written
from earwitness.archive.ledger.feed.record_versions import RecordVersions
from earwitness.archive.recordings.incomplete import not_decoded
from earwitness.archive.recordings.legal_holds import LEGAL_HOLDS, with_others
from earwitness.archive.recordings.participants import PARTICIPANTS
from earwitness.archive.recordings.retention import retentions_of, subjects_at
from earwitness.archive.recordings.retention_changes import pending_retention
from earwitness.archive.schema.ledger import recording_digests
from earwitness.archive.schema.people import account, people, users
from earwitness.archive.schema.recordings import (
    recording_endpoints,
    recordings,
)
from earwitness.archive.schema.vault import media_objects, recording_keys
from earwitness.archive.selections.pending import holds_to_come
from earwitness.kernel.clock import format_ms
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import Id, Wire
from earwitness.media.decoding.containers.wav_header import wav_size
from earwitness.operations import operations
from earwitness.operations.audit_subjects import by_interaction_ids
from earwitness.operations.operations import Audit, Call

ALGORITHM = "AES-256-GCM"


class InteractionIds(Wire):
    """The recordings that are asked for."""

    interaction_ids: Annotated[list[Id], Meta(max_length=1000)]


class DetailRequest(InteractionIds):
    """The recordings asked for; `includeChannels` (ours) adds the waveform of each channel."""

    include_channels: bool | None = None


class EncryptionDetail(Wire):
    """How the media is encrypted, and the key that its own key is wrapped with."""

    algorithm: str
    key_id: str


class RecordingDetail(Wire):
    """All that is known of a recording besides what search shows."""

    interaction_id: int
    metadata: dict[str, Any]
    wave_form: WaveForm | None
    encryption_detail: EncryptionDetail | None


@operations.read(
    "/client/recording.detail.get",
    right=Right.RECORDING_VIEW,
    audit=Audit("Get recording detail", by_interaction_ids),
)
def get_recording_detail(call: Call, body: DetailRequest) -> list[RecordingDetail]:
    """Get the full detail of recordings: metadata, waveform, encryption; in the order asked."""
    connection = call.connection
    rows = visible_rows(connection, call.viewer, body.interaction_ids)
    positions = [row.position for row in rows]
    firm = connection.execute(select(account)).one()
    objects = _objects(connection, positions)
    participants = dict(_pairs(connection, recordings.c.position, PARTICIPANTS, positions))
    holds = dict(_pairs(connection, recordings.c.position, LEGAL_HOLDS, positions))
    for position, to_come in holds_to_come(connection, positions).items():
        holds[position] = with_others(holds[position], to_come)
    owners = _owners(connection, positions)
    channels = bool(body.include_channels)
    waves = waves_at(connection, positions, include_channels=channels)
    days = _retention_days(connection, rows)
    not_written = pending_retention(connection, positions)
    record_versions = _record_versions(connection, call.viewer, positions)
    keys = dict(_pairs(connection, recording_keys.c.position, recording_keys.c.kek_id, positions))
    return [
        RecordingDetail(
            interaction_id=row.interaction_id,
            metadata=row.metadata
            | {
                "accountGuid": firm.account_guid,
                "recorder": row.metadata.get("recorder", row.source),
                "region": row.metadata.get("region", firm.region),
                "sourceFileDetail": _wav(row.measurement) | _with_losses(row, objects[row.position]),
                "endpoints": as_written(participants[row.position]),
                "owners": owners[row.position],
                "recordVersion": record_versions.get(row.position),
                "retention": _retention(
                    *not_written.get(row.position, (row.retention_group_id, row.retain_until)),
                    days[row.position],
                    holds[row.position],
                ),
            },
            wave_form=wave_form(waves.get(row.position), row.measurement, include_channels=channels),
            encryption_detail=_encryption(keys.get(row.position)),
        )
        for row in rows
    ]


def _encryption(key_id: str | None) -> EncryptionDetail | None:
    return None if key_id is None else EncryptionDetail(algorithm=ALGORITHM, key_id=key_id)


def _pairs(connection: Connection, key: Any, value: Any, positions: Sequence[int]) -> list[tuple[int, Any]]:
    rows = connection.execute(select(key, value).where(key.in_(positions)))
    return [(row[0], row[1]) for row in rows]


def _objects(connection: Connection, positions: Sequence[int]) -> dict[int, dict[str, dict[str, int]]]:
    """The sizes of the stored objects, by kind."""
    sizes: dict[int, dict[str, dict[str, int]]] = defaultdict(dict)
    rows = connection.execute(
        select(media_objects.c.position, media_objects.c.kind, media_objects.c.size_bytes)
        .where(media_objects.c.position.in_(positions))
        .order_by(media_objects.c.id)
    )
    for row in rows:
        sizes[row.position][row.kind] = {"fileSize": row.size_bytes}
    return sizes


def _with_losses(row: Any, objects: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The sizes, and a note at the original if part of it could not be decoded."""
    said = not_decoded(row.status, row.measurement)
    if not said or "raw" not in objects:
        return objects
    return objects | {"raw": objects["raw"] | {"complete": False, "notDecoded": said}}


def _wav(measurement: dict[str, Any] | None) -> dict[str, dict[str, int]]:
    """The size that a wav will have when it is made; empty until the sound is measured."""
    audio = measurement["audio"] if measurement else None
    if not measurement or not audio:
        return {}
    size = wav_size(measurement["samples"], audio["sample_rate"], audio["channels"])
    return {"wav": {"fileSize": size}}


def _owners(connection: Connection, positions: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """The people of the recording subjects, each once, with the user of that person."""
    owners: dict[int, list[dict[str, Any]]] = defaultdict(list)
    part = recording_endpoints.c
    rows = connection.execute(
        select(part.position, people.c.id, people.c.full_name, users.c.id.label("user_id"))
        .select_from(recording_endpoints)
        .join(people, people.c.id == part.person_id)
        .outerjoin(users, users.c.person_id == people.c.id)
        .where(part.position.in_(positions), part.is_recording_subject)
        .order_by(part.position, part.ordinal, users.c.id)
    )
    for row in rows:
        if not any(owner["personId"] == row.id for owner in owners[row.position]):
            owner = {"personId": row.id, "fullName": row.full_name, "userId": row.user_id}
            owners[row.position].append(owner)
    return owners


def _record_versions(connection: Connection, viewer: Viewer, positions: Sequence[int]) -> dict[int, str]:
    """By position; a recording that the log does not have yet has none."""
    versions = RecordVersions(viewer)
    digests = recording_digests.c
    return {
        at: versions.of(one) for at, one in _pairs(connection, digests.position, digests.digests, positions)
    }


def _retention_days(connection: Connection, rows: Sequence[Any]) -> dict[int, int | None]:
    """For how many days each recording is kept by the rules as they are now. None means for ever."""
    subjects = subjects_at(connection, [row.position for row in rows])
    retentions = retentions_of(connection, [(row.type, subjects[row.position]) for row in rows])
    return {row.position: retention.days for row, retention in zip(rows, retentions, strict=True)}


def _retention(
    group_id: int | None, retain_until: int | None, days: int | None, holds: str
) -> dict[str, Any]:
    return {
        "retentionGroupId": group_id,
        "days": days,
        "retainUntil": None if retain_until is None else format_ms(retain_until),
        "legalHolds": as_written(holds),
    }
