"""Inserting many rows at once writes the same rows as one statement for each."""

from typing import Any

import pytest
from sqlalchemy import Connection, Table, delete, insert, select
from sqlalchemy.exc import IntegrityError

from earwitness.archive.database.bulk_insert import insert_many, together, write_waiting
from earwitness.archive.schema.people import endpoints
from earwitness.archive.schema.recordings import recording_counts, recordings
from earwitness.archive.schema.vault import recording_keys
from tests.firm import Firm

METADATA: dict[str, Any] = {"of": [1, None, "é"]}
ROWS: list[dict[str, Any]] = [
    {
        "type": "phone",
        "endpoint": "1",
        "normalised": "1",
        "metadata": METADATA,
        "is_private": True,
    },
    {"type": "phone", "endpoint": "2", "normalised": "2", "metadata": {}, "is_private": False},
]


def test_inserted_rows_are_read_back_unchanged(firm: Firm) -> None:
    written = []
    columns = [endpoints.c[name] for name in ROWS[0]]
    for at_once in (True, False):
        with firm.archive.write() as connection:
            connection.execute(delete(endpoints))
            if at_once:
                insert_many(connection, endpoints, ROWS)
            else:
                for row in ROWS:
                    connection.execute(insert(endpoints).values(row))
            written.append(connection.execute(select(*columns).order_by(endpoints.c.endpoint)).all())
    assert written[0] == written[1]
    assert [row._asdict() for row in written[0]] == ROWS


def test_inserting_no_rows_does_nothing(firm: Firm) -> None:
    with firm.archive.write() as connection:
        insert_many(connection, endpoints, [])
        assert connection.execute(select(endpoints)).all() == []


def call_at(position: int) -> dict[str, Any]:
    texts = ("third_party_id", "type", "source", "direction", "is_private_reason", "status")
    return {
        **dict.fromkeys(texts, f"é\n\\'\"{position}"),
        **dict.fromkeys(("started_at", "ended_at", "duration_ms", "received_at"), 2**62),
        "analysis": [1.5, {"a": None}],
        "conversation_phases": [],
        **dict.fromkeys(("data_groups", "optional", "metadata"), METADATA),
        **dict.fromkeys(("has_media", "has_sender_times"), True),
        "transcript_snippet": "",
        "position": position,
        "interaction_id": position,
        "raw_sms_ids": None,
        "received_digest": bytes(range(256)),
    }


def test_what_is_inserted_together_is_there_afterwards(firm: Firm) -> None:
    calls = [call_at(1), call_at(2)]
    keys = [{"position": at, "vault_id": b"\0\xff", "kek_id": "k", "wrapped_key": b""} for at in (1, 2)]
    with firm.archive.write() as connection, together(connection):
        insert_many(connection, recordings, calls)
        insert_many(connection, recording_keys, keys)
    with firm.archive.read() as connection:
        assert read(connection, recordings, calls) == calls
        assert read(connection, recording_keys, keys) == keys


def test_what_waits_can_be_written_before_the_end(firm: Firm) -> None:
    with firm.archive.write() as connection, together(connection):
        insert_many(connection, recordings, [call_at(1)])
        write_waiting(connection)
        assert read(connection, recordings, [call_at(1)]) == [call_at(1)]
        insert_many(connection, recordings, [call_at(2)])
    with firm.archive.read() as connection:
        assert read(connection, recordings, [call_at(1)]) == [call_at(1), call_at(2)]


def test_nothing_is_written_where_inserting_together_fails(firm: Firm) -> None:
    def insert_a_key_without_its_recording() -> None:
        key = {"position": 7, "vault_id": b"", "kek_id": "", "wrapped_key": b""}
        with firm.archive.write() as connection, together(connection):
            insert_many(connection, recordings, [call_at(1)])
            insert_many(connection, recording_keys, [key])

    with pytest.raises(IntegrityError):
        insert_a_key_without_its_recording()
    with firm.archive.read() as connection:
        assert read(connection, recordings, [call_at(1)]) == []


def test_values_are_added_to_those_of_the_same_key(firm: Firm) -> None:
    def count(day: int, recordings: int) -> dict[str, Any]:
        span = {"days": 1, "starts_at": day, "type": "phone", "direction": "In", "is_private": False}
        return span | {"recordings": recordings}

    with firm.archive.write() as connection:
        insert_many(connection, recording_counts, [count(1, 2), count(2, 3)], adding="recordings")
        insert_many(connection, recording_counts, [count(2, 4), count(3, 5)], adding="recordings")
        assert read(connection, recording_counts, [count(1, 2)]) == [count(1, 2), count(2, 7), count(3, 5)]


def read(connection: Connection, table: Table, like: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All rows of a table, in the order of their keys, with the columns that these have."""
    rows = connection.execute(select(*(table.c[name] for name in like[0])).order_by(*table.primary_key))
    return [row._asdict() for row in rows]
