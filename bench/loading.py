"""Loads a generated archive into an account: many rows with one statement, with all indexes."""

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from multiprocessing import Process, Queue
from typing import Any

from sqlalchemy import insert, update

from bench.generating import (
    DEPARTMENT,
    ENDPOINT_COLUMNS,
    ENDPOINTS,
    PEOPLE,
    RECORDING_COLUMNS,
    TAGS,
    Generator,
    Row,
    number_of,
)
from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.recordings.counts import recount
from earwitness.archive.schema.people import counters, endpoints, people
from earwitness.archive.schema.recordings import tags
from earwitness.archive.substrings.writing import fold_endpoints, fold_people
from earwitness.archive.text.postgresql import tsvectors

_BATCH = 20_000
_TABLES = {
    "recordings": RECORDING_COLUMNS,
    "recording_endpoints": ENDPOINT_COLUMNS,
    "recording_tags": ("position", "ordinal", "tag_id"),
    "recording_data_groups": ("position", "name", "value"),
    "transcripts": ("position", "language", "segments", "engine"),
}


def load(archive: Archive, count: int) -> float:
    """Fill an empty account with `count` recordings. Returns how many seconds it took."""
    began = time.monotonic()
    add_people(archive)
    done = 0
    for rows in _made_beside(count):
        write_rows(archive, rows)
        done += len(rows)
        if done % 100_000 == 0:
            print(f"{done:,} in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    with archive.write() as connection:
        connection.execute(update(counters).values(value=count))
        recount(connection)
    return time.monotonic() - began


def _made_beside(count: int) -> Iterator[list[Row]]:
    """Batches of rows. Another process makes the next batch while this one writes the last."""
    made: Queue[list[Row]] = Queue(maxsize=2)
    maker = Process(target=_make, args=(count, made), daemon=True)
    maker.start()
    while batch := made.get():
        yield batch
    maker.join()


def _make(count: int, made: "Queue[list[Row]]") -> None:
    rows = Generator(count).rows()
    while batch := list(islice(rows, _BATCH)):
        made.put(batch)
    made.put([])


def add_people(archive: Archive) -> None:
    with archive.write() as connection:
        connection.execute(
            insert(people),
            [
                {
                    "full_name": f"Person {one}",
                    "full_name_folded": f"person {one}",
                    "person_type": "staff",
                    "metadata": {},
                }
                for one in range(1, PEOPLE + 1)
            ],
        )
        connection.execute(
            insert(endpoints),
            [
                {
                    "type": "phone",
                    "endpoint": number_of(one),
                    "normalised": number_of(one),
                    "metadata": {},
                    "owned_by_person_id": (one + 1) // 2,
                }
                for one in range(1, ENDPOINTS + 1)
            ],
        )
        connection.execute(insert(tags), [{"tag": tag, "tag_folded": tag} for tag in TAGS])
        fold_people(connection, range(1, PEOPLE + 1))
        fold_endpoints(connection, range(1, ENDPOINTS + 1))


def write_rows(archive: Archive, rows: Sequence[Row]) -> None:
    """Write all rows of some recordings in one transaction, in the order of their keys."""
    rows = sorted(rows, key=lambda row: row.recording[0])
    _into_sqlite(archive, rows) if archive.engine.dialect.name == "sqlite" else _into_postgres(archive, rows)


def _by_table(rows: Sequence[Row]) -> dict[str, list[tuple[Any, ...]]]:
    return {
        "recordings": [row.recording for row in rows],
        "recording_endpoints": [part for row in rows for part in row.endpoints],
        "recording_tags": [tag for row in rows for tag in row.tags],
        "recording_data_groups": [(row.recording[0], "Department", DEPARTMENT) for row in rows],
        "transcripts": [row.transcript for row in rows],
    }


def _into_sqlite(archive: Archive, rows: Sequence[Row]) -> None:
    with archive.write() as connection:
        cursor: Any = connection.connection.driver_connection
        for table, values in _by_table(rows).items():
            columns = _TABLES[table]
            names = ", ".join(f'"{column}"' for column in columns)
            marks = ", ".join("?" * len(columns))
            cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", values)
        cursor.executemany(
            "INSERT INTO recording_text (rowid, said, rest) VALUES (?, ?, ?)",
            [(row.recording[0], row.document.said.whole, row.document.rest.whole) for row in rows],
        )


def _into_postgres(archive: Archive, rows: Sequence[Row]) -> None:
    schema = f"account_{archive.client_id}"
    texts: Iterable[tuple[Any, ...]] = [
        (row.recording[0], number, literal)
        for row in rows
        for number, literal in enumerate(
            tsvectors(row.document.said.whole.split(), row.document.rest.whole.split())
        )
    ]
    with archive.write() as connection:
        driver: Any = connection.connection.driver_connection
        with driver.cursor() as cursor:
            tables = _by_table(rows) | {"recording_text": list(texts)}
            columns = _TABLES | {"recording_text": ("position", "part", "document")}
            for table, values in tables.items():
                names = ", ".join(f'"{column}"' for column in columns[table])
                with cursor.copy(f'COPY "{schema}".{table} ({names}) FROM STDIN') as copy:
                    for value in values:
                        copy.write_row(value)
