"""Whoever changes the tables behind the archive's back is found by `earwitness ledger verify`, and named.

One row for each kind of tampering: what is changed, by statements of SQL, and what is said about it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Connection, delete

from earwitness.archive.schema.ledger import (
    entity_states,
)
from earwitness.archive.schema.people import (
    access_policies,
    account,
    api_keys,
    counters,
    endpoints,
    people,
    retention_groups,
)
from earwitness.archive.schema.recordings import (
    comments,
    legal_holds,
    playlists,
    recording_data_groups,
    recording_endpoints,
    recording_tags,
    tags,
    transcripts,
)
from earwitness.archive.schema.work import audit_rows
from tests.archive.ledger.checking import ways
from tests.archive.ledger.checking.guarded_firm import (
    Guarded,
    change,
    guarded,
    position_of,
    verify,
)
from tests.firm import ADMIN, Firm


@pytest.fixture
def known(firm: Firm) -> Guarded:
    return guarded(firm)


@dataclass(frozen=True)
class Tampering:
    does: Callable[[Connection, Guarded], None]
    entity: str
    field: str
    source: str | None = None
    """The thirdPartyId, of a recording."""


def _removed(result: Any) -> None:
    assert result.rowcount


def _discarded(_value: Any) -> None:
    pass


ADA = ("User", "call")

KINDS = {
    "a row of the audit log edited": Tampering(
        lambda connection, _: change(
            connection,
            audit_rows,
            audit_rows.c.audit_header_id == ways.ingest(connection),
            response_code=404,
        ),
        "Recording",
        "auditRow",
        None,
    ),
    "a row of the audit log deleted": Tampering(ways.delete_row, "Action", "rows"),
    "a row of the audit log added": Tampering(ways.add_row, "Action", "rows"),
    "a row moved to another recording": Tampering(
        lambda connection, known: change(
            connection,
            audit_rows,
            audit_rows.c.audit_header_id == ways.ingest(connection),
            entity_id=known.silent,
            parent_entity_id=known.silent,
        ),
        "Recording",
        "auditRow",
    ),
    "an action deleted with its leaf": Tampering(ways.delete_action, "Ledger", "leaf 2"),
    "an action renumbered": Tampering(ways.renumber_action, "Action", "header"),
    "an action added": Tampering(ways.add_action, "Action", "action"),
    "who did it": Tampering(ways.header(username="mallory"), "Action", "username"),
    "from where": Tampering(ways.header(ip_address="198.51.100.9"), "Action", "ipAddress"),
    "the time of an action": Tampering(ways.header(inserted_at=1), "Action", "insertedAt"),
    "what was done": Tampering(ways.header(description="Look at recording"), "Action", "description"),
    "the salts of an action": Tampering(ways.header(salts=bytes(48)), "Action", "username"),
    "the salts of an action removed": Tampering(ways.header(salts=None), "Action", "action"),
    "an action marked as not in the log": Tampering(ways.header(is_pending=True), "Action", "isPending"),
    "an older value in the history": Tampering(
        ways.change_replaced_value, "Recording", "comment/2", "call-1"
    ),
    "a digest in the history": Tampering(ways.change_digest_in_log, "Recording", "recordDigest", "call-1"),
    "an action and its leaf": Tampering(ways.rewrite_leaf, "Action", "leaf"),
    "a recording moved by an hour": Tampering(ways.move_by_an_hour, "Recording", "source", "call-3"),
    "its place on the timeline": Tampering(ways.move_by_an_hour, "Recording", "position", "call-3"),
    "a direction": Tampering(ways.recording(direction="Out"), "Recording", "source", "call-1"),
    "metadata of the source": Tampering(ways.recording(metadata={"a": 1}), "Recording", "source", "call-1"),
    "a private recording made public": Tampering(
        ways.recording(is_private=True), "Recording", "privacy", "call-1"
    ),
    "retention moved into the past": Tampering(
        ways.recording(retain_until=1), "Recording", "retention", "call-1"
    ),
    "media marked as not there": Tampering(
        ways.recording(has_media=False), "Recording", "hasMedia", "call-1"
    ),
    "a message added": Tampering(ways.recording(message="Hello"), "Recording", "message", "call-1"),
    "a word of a transcript": Tampering(
        ways.part(transcripts, segments=[{"text": "Buy everything today.", "start": 0.0, "end": 1.5}]),
        "Recording",
        "transcript",
        "call-1",
    ),
    "a transcript with its digests": Tampering(
        ways.rewrite_with_digests, "Recording", "transcript", "call-1"
    ),
    "the salt of a recording": Tampering(ways.forget_salt, "Recording", "source", "call-1"),
    "who took part": Tampering(
        ways.part(recording_endpoints, endpoint_id=2, person_id=None), "Recording", "participants", "call-1"
    ),
    "the user by which it is found": Tampering(
        ways.part(recording_endpoints, user_folded="mallory"), "Recording", "participants", "call-1"
    ),
    "the data groups by which it is seen": Tampering(
        ways.part(recording_data_groups, value="Trading"), "Recording", "dataGroups", "call-1"
    ),
    "a tag taken off": Tampering(
        lambda connection, known: _removed(
            connection.execute(
                delete(recording_tags).where(
                    recording_tags.c.position == position_of(connection, known.called)
                )
            )
        ),
        "Recording",
        "tags",
        "call-1",
    ),
    "a comment changed": Tampering(
        ways.row(comments, "id", 1, comment="All is well."), "Recording", "comment/1", "call-1"
    ),
    "a comment un-withdrawn": Tampering(
        ways.row(comments, "id", 2, withdrawn_at=None), "Recording", "comment/2", "call-1"
    ),
    "a hold removed": Tampering(ways.remove_hold, "Recording", "holds", "call-2"),
    "a playlist shortened": Tampering(ways.remove_from_playlist, "Recording", "playlists", "call-2"),
    "a recording deleted with its media": Tampering(
        ways.delete_recording, "Recording", "recording", "call-3"
    ),
    "a recording added": Tampering(ways.add_recording, "Recording", "recording", "forged"),
    "a recording added with digests": Tampering(
        ways.add_recording_with_digests, "Recording", "recording", "forged"
    ),
    "two thirdPartyIds swapped": Tampering(ways.swap_sources, "Recording", "source", "call-3"),
    "media of two recordings swapped": Tampering(ways.swap_media, "Recording", "media", "call-1"),
    "media, keys and ids of two recordings swapped": Tampering(
        ways.swap_media_keys_and_ids, "Recording", "source", "call-3"
    ),
    "a tile of the log removed": Tampering(ways.tamper_with_tile, "Ledger", "tile/0/000.p"),
    "actions, leaves and tiles": Tampering(
        lambda connection, known: _discarded(ways.rewrite_tree(connection, known)), "Ledger", "checkpoint of"
    ),
    "all of the log without the key": Tampering(ways.rewrite_checkpoint, "Ledger", "checkpoint of"),
    "all of the log, signed with another key": Tampering(
        ways.sign_with_another_key, "Ledger", "checkpoint of"
    ),
    "the log cut off": Tampering(ways.cut_off, "Ledger", "size"),
    "the counter of the log set back": Tampering(
        ways.row(counters, "name", "ledger", value=1), "Counter", "ledger"
    ),
    "the numbers of the feed": Tampering(ways.row(counters, "name", "change", value=1), "Counter", "change"),
    "a user's rights widened": Tampering(ways.widen_rights, "User", "rolesAndRights"),
    "a user's rights, and the kept state": Tampering(ways.rewrite_state, "User", "user"),
    "a user added": Tampering(ways.add_user, "User", "user"),
    "a user deleted": Tampering(ways.delete_user, "User", "user"),
    "a kept state removed": Tampering(
        lambda connection, _: _removed(
            connection.execute(delete(entity_states).where(entity_states.c.entity_name == "Tag"))
        ),
        "Tag",
        "state",
    ),
    "an API key that was revoked": Tampering(
        ways.row(api_keys, "id", 1, revoked_at=1), "ApiKey", "revokedAt"
    ),
    "the hash of an API key": Tampering(ways.row(api_keys, "id", 1, key_hash=bytes(32)), "ApiKey", "keyHash"),
    "a condition of a policy": Tampering(
        ways.row(access_policies, "id", 1, conditions={"communicationTypes": ["sms"]}),
        "AccessPolicy",
        "conditions",
    ),
    "a name of a person": Tampering(
        ways.row(people, "third_party_id", "AAD-1", full_name="John Doe"), "Person", "fullName"
    ),
    "an owner of an endpoint": Tampering(
        ways.row(endpoints, "normalised", "447896423595", owned_by_person_id=None),
        "Endpoint",
        "ownedByPersonId",
    ),
    "a retention group": Tampering(
        ways.row(retention_groups, "id", 1, retention_group={"default": 1}),
        "RetentionGroup",
        "retentionGroup",
    ),
    "a hold ended": Tampering(ways.row(legal_holds, "id", 1, ended_at=1), "LegalHold", "endedAt"),
    "a playlist renamed": Tampering(ways.row(playlists, "id", 1, name="Fun"), "Playlist", "name"),
    "a tag renamed": Tampering(ways.row(tags, "tag", "Complaint", tag="Praise"), "Tag", "tag"),
    "the account's settings": Tampering(
        lambda connection, _: change(
            connection, account, account.c.client_id > 0, may_shorten_retention=True
        ),
        "Account",
        "mayShortenRetention",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_tampering_is_named(known: Guarded, kind: str) -> None:
    tampering = KINDS[kind]
    with known.firm.archive.write() as connection:
        tampering.does(connection, known)
    found = verify(known.firm)
    named = [(one["entityName"], one["field"], one["thirdPartyId"]) for one in found]
    assert any(
        entity == tampering.entity
        and field.startswith(tampering.field)
        and tampering.source in (None, source)
        for entity, field, source in named
    ), named


def test_nothing_differs_where_nothing_was_changed(known: Guarded) -> None:
    assert verify(known.firm, exit_code=0) == []


def test_what_differs_is_named_with_the_action_that_the_log_has(known: Guarded) -> None:
    with known.firm.archive.write() as connection:
        ways.widen_rights(connection, known)
        ways.recording(direction="Out")(connection, known)
    found = {one["entityName"]: one for one in verify(known.firm)}
    assert (found["Recording"]["interactionId"], found["Recording"]["username"]) == (known.called, ADMIN)
    assert found["User"]["interactionId"] is None
    assert all(one["auditHeaderId"] and one["insertedAt"] for one in found.values())
