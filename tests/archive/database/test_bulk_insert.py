"""Inserting many rows at once writes the same rows as one statement for each."""

from typing import Any

from sqlalchemy import delete, insert, select

from earwitness.archive.database.bulk_insert import insert_many
from earwitness.archive.schema.people import endpoints
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
