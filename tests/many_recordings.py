"""Many recordings of a firm, written at once: ingesting them one by one would take most of a test's time."""

from typing import Any

from sqlalchemy import insert, select

from earwitness.archive.database.timeline import first_position, lock_account
from earwitness.archive.people.people import add_person
from earwitness.archive.schema.people import counters, endpoints
from earwitness.archive.schema.recordings import recording_endpoints, recordings
from earwitness.kernel.clock import parse_ms
from tests.firm import Firm

FIRST_START = parse_ms("2026-05-12T10:30:00Z")
MINUTE_MS = 60_000
END_OF_FIRST = FIRST_START + MINUTE_MS


def add_people(firm: Firm, count: int) -> list[int]:
    with firm.archive.write() as connection:
        return [
            add_person(connection, full_name=f"Person {number}", person_type="staff")
            for number in range(count)
        ]


def add_recordings(firm: Firm, person_ids: list[int], count: int, **values: Any) -> list[int]:
    """Add calls of a minute, kept for ever, a minute apart; their subjects are these people in turn.

    Returns their positions.
    """
    with firm.archive.write() as connection:
        lock_account(connection)
        newest = connection.scalar(select(counters.c.value).where(counters.c.name == "interaction")) or 0
        endpoint_id = connection.execute(
            insert(endpoints)
            .values(type="phone", endpoint="1", normalised=f"1{newest}", metadata={})
            .returning(endpoints.c.id)
        ).scalar_one()
        rows = [
            row_of(newest + number, FIRST_START + (newest + number) * MINUTE_MS) for number in range(count)
        ]
        connection.execute(insert(recordings), [row | values for row in rows])
        parts = [
            {
                "position": row["position"],
                "ordinal": 0,
                "endpoint_id": endpoint_id,
                "person_id": person_ids[number % len(person_ids)],
                "user": "",
                "user_folded": "",
                "is_originator": False,
                "is_recording_subject": True,
            }
            for number, row in enumerate(rows)
        ]
        connection.execute(insert(recording_endpoints), parts)
        connection.execute(
            counters.update().where(counters.c.name == "interaction").values(value=newest + count)
        )
        return [row["position"] for row in rows]


def row_of(number: int, started_at: int) -> dict[str, Any]:
    texts = dict.fromkeys(("source", "is_private_reason", "transcript_snippet"), "")
    lists: dict[str, Any] = {"analysis": [], "conversation_phases": []}
    objects: dict[str, Any] = {"data_groups": {}, "optional": {}, "metadata": {}}
    return {
        "position": first_position(started_at),
        "interaction_id": number + 1,
        "third_party_id": f"many-{number}",
        "type": "phone",
        "direction": "In",
        "started_at": started_at,
        "ended_at": started_at + MINUTE_MS,
        "duration_ms": MINUTE_MS,
        "status": "processed",
        "has_media": False,
        "has_sender_times": True,
        "received_at": 0,
        "received_digest": b"",
        **texts,
        **lists,
        **objects,
    }
