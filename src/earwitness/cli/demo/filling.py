"""Fills the demo archive from the files in this folder. Filling it again adds only what is missing."""

import json
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select, update

from earwitness.archive.access.users import add_user, user_id_of
from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Entry
from earwitness.archive.ledger.recording_digests import Watched
from earwitness.archive.ledger.touched import touch
from earwitness.archive.people.endpoints import find_or_add_endpoint
from earwitness.archive.people.groups import assign_groups
from earwitness.archive.people.people import add_person
from earwitness.archive.recordings.collections import (
    LEGAL_HOLDS,
    PLAYLISTS,
    Kind,
    add_collection,
    add_members,
)
from earwitness.archive.recordings.comments import add_comment
from earwitness.archive.schema.people import (
    account,
    counters,
    endpoints,
    people,
    retention_groups,
    users,
)
from earwitness.archive.schema.recordings import legal_holds, recordings
from earwitness.archive.substrings.writing import fold_endpoints, fold_people
from earwitness.cli.operator import action
from earwitness.ingest.sources.manifest import import_line
from earwitness.kernel.clock import parse_ms

CLIENT_ID = 1234567
_YESTERDAY = "{yesterday}"
_FOLDER = Path(str(resources.files("earwitness.cli.demo")))

People = dict[str, int]


def fill(archive: Archive) -> None:
    """Add everything of the demo that is missing, except the recordings of yesterday."""
    contents = json.loads((_FOLDER / "archive.json").read_text())
    with archive.write() as connection:
        if connection.scalar(select(users.c.id).limit(1)) is None:
            person_ids = _add_people(connection, contents)
            _add_users(connection, contents, person_ids)
            _add_retention_groups(connection, contents["retentionGroups"], person_ids)
            connection.execute(update(account).values(region="uk"))
            first = update(counters).where(counters.c.name == "interaction")
            connection.execute(first.values(value=contents["account"]["firstInteractionId"] - 1))
            entry = Entry(CLIENT_ID, "Account")
            ledger.append(connection, action("demo", "Fill demo archive"), [entry])
    for line in _lines():
        if _YESTERDAY not in line:
            import_line(archive, line.encode(), _FOLDER, action("demo", "Import recording"))
    with archive.write() as connection:
        if connection.scalar(select(legal_holds.c.id).limit(1)) is None:
            all_there = connection.scalars(select(recordings.c.position)).all()
            watched = Watched(connection, all_there, "comments", "holds", "playlists")
            _add_comments(connection, contents["comments"])
            _add_collections(connection, LEGAL_HOLDS, contents["legalHolds"])
            _add_collections(connection, PLAYLISTS, contents["playlists"])
            changed = watched.entries(connection)
            ledger.append(connection, action("demo", "Fill demo archive"), changed)


def add_yesterday(archive: Archive, yesterday: date) -> None:
    """Add the recordings of yesterday that are missing."""
    for line in _lines():
        if _YESTERDAY in line:
            dated = line.replace(_YESTERDAY, yesterday.isoformat())
            import_line(archive, dated.encode(), _FOLDER, action("demo", "Import recording"))


def _lines() -> list[str]:
    return (_FOLDER / "communications.jsonl").read_text().splitlines()


def _add_people(connection: Connection, contents: dict[str, Any]) -> People:
    person_ids: People = {}
    for person in contents["persons"]:
        person_id = add_person(
            connection,
            full_name=person["fullName"],
            person_type=person["personType"],
            third_party_id=person["thirdPartyId"],
            email=person["email"],
            avatar=person.get("avatar"),
            metadata=person["metadata"],
        )
        person_ids[person["thirdPartyId"]] = person_id
        for endpoint in person["endpoints"]:
            _add_endpoint(connection, endpoint, person_id)
        assign_groups(connection, person_id, person["groups"].items())
    fold_people(connection, person_ids.values())
    for endpoint in contents["endpoints"]:
        _add_endpoint(connection, endpoint, None)
    return person_ids


def _add_endpoint(connection: Connection, endpoint: dict[str, Any], person_id: int | None) -> None:
    endpoint_id = find_or_add_endpoint(connection, endpoint["type"], endpoint["endpoint"]).id
    label = {"label": endpoint["label"]} if "label" in endpoint else {}
    connection.execute(
        update(endpoints)
        .where(endpoints.c.id == endpoint_id)
        .values(owned_by_person_id=person_id, metadata=label)
    )
    fold_endpoints(connection, [endpoint_id])


def _add_users(connection: Connection, contents: dict[str, Any], person_ids: People) -> None:
    for user in contents["users"]:
        user_id = add_user(
            connection,
            user["username"],
            user["rolesAndRights"],
            full_name=user["fullName"],
            email=user["email"],
            external_id=user["externalId"],
            person_id=person_ids[user["person"]] if user["person"] else None,
            sso=user["sso"],
        )
        touch(connection, "User", [user_id])


def _add_retention_groups(connection: Connection, groups: dict[str, Any], person_ids: People) -> None:
    connection.execute(update(account).values(default_retention=groups["accountDefault"]))
    for group in groups["retentionGroups"]:
        group_id = connection.execute(
            insert(retention_groups)
            .values(name=group["name"], retention_group=group["retentionGroup"])
            .returning(retention_groups.c.id)
        ).scalar_one()
        touch(connection, "RetentionGroup", [group_id])
        members = [person_ids[third_party_id] for third_party_id in group["people"]]
        connection.execute(update(people).where(people.c.id.in_(members)).values(retention_group_id=group_id))


def _position(connection: Connection, third_party_id: str) -> int:
    found = select(recordings.c.position).where(recordings.c.third_party_id == third_party_id)
    return int(connection.execute(found).scalar_one())


def _add_comments(connection: Connection, written: list[dict[str, Any]]) -> None:
    for comment in written:
        add_comment(
            connection,
            _position(connection, comment["thirdPartyId"]),
            user_id_of(connection, comment["username"]),
            comment["comment"],
            start_offset_in_seconds=comment["startOffsetInSeconds"],
            end_offset_in_seconds=comment.get("endOffsetInSeconds"),
            tag=comment.get("tag"),
            inserted_at=parse_ms(comment["insertedAt"]),
        )


def _add_collections(connection: Connection, kind: Kind, listed: list[dict[str, Any]]) -> None:
    for one in listed:
        positions = [_position(connection, third_party_id) for third_party_id in one["thirdPartyIds"]]
        collection_id = add_collection(connection, kind, one["name"])
        touch(connection, kind.entity_name, [collection_id])
        add_members(connection, kind, collection_id, positions)
