"""Checks the tables and indexes of a PostgreSQL schema with the extension `amcheck`.

`bt_index_check` and `verify_heapam` take only the lock of a reader. See PostgreSQL's documentation, F.1.
"""

import re
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from earwitness.archive.database.transactions import reading, writing
from earwitness.archive.integrity.findings import Broken, Damage, Finding, NotChecked, noticing, recording_at

_HEAP_TUPLE = re.compile(r"heap tuple \((\d+),(\d+)\)")
_FORBIDDEN = "42501"
_NO_DAMAGE = ("", "08", "25", "40", "53", "55", "57")
"""Classes of errors that say nothing about the data: connections, transactions, resources, operators."""

_WHERE = text("SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'amcheck'")
_THERE_IS = text("SELECT 1 FROM pg_available_extensions WHERE name = 'amcheck'")
_RELATIONS = text("""
    SELECT c.oid::bigint, c.relname, c.relkind::text, am.amname, i.indrelid::regclass::text AS of_table
    FROM pg_class c LEFT JOIN pg_am am ON am.oid = c.relam LEFT JOIN pg_index i ON i.indexrelid = c.oid
    WHERE c.relnamespace = CAST(:schema AS regnamespace)
    AND (c.relkind = 'r' OR c.relkind = 'i' AND i.indisvalid AND i.indisready) ORDER BY c.relname""")


def check_postgresql(engine: Engine, schema: str) -> Iterator[Finding]:
    """Check every table and index of a schema. Raises errors that are no damage."""
    amcheck, why = _amcheck(engine)
    if not amcheck:
        yield NotChecked(f"The pages and indexes of PostgreSQL were not checked: {why}.")
        return
    with reading(engine) as connection:
        relations = connection.execute(_RELATIONS, {"schema": schema}).all()
        has_gin = connection.scalar(text("SELECT to_regproc(:name)"), {"name": f"{amcheck}.gin_index_check"})
    for relation in relations:
        try:
            with noticing(), reading(engine) as connection:
                yield from _check(connection, amcheck, relation, bool(has_gin))
        except Broken as broken:
            yield _told(engine, schema, relation, str(broken))
        except DBAPIError as error:
            state = getattr(error.orig, "sqlstate", None) or ""
            if state == _FORBIDDEN:
                yield NotChecked(
                    "The pages and indexes of PostgreSQL were not checked: amcheck may not be used."
                )
                return
            if state[:2] in _NO_DAMAGE:
                raise
            yield Damage(relation.relname, f"Its check ends with SQLSTATE {state}.")


def _amcheck(engine: Engine) -> tuple[str, str]:
    """The schema of `amcheck`, which is installed if possible; else why it cannot be used."""
    with reading(engine) as connection:
        if found := connection.scalar(_WHERE):
            return str(found), ""
        if not connection.scalar(_THERE_IS):
            return "", "the extension amcheck is not installed"
    try:
        with writing(engine) as connection:
            connection.execute(text("CREATE EXTENSION IF NOT EXISTS amcheck WITH SCHEMA public"))
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", "")
        return (
            "",
            f"the extension amcheck cannot be made (SQLSTATE {state}): run CREATE EXTENSION amcheck yourself",
        )
    return "public", ""


def _check(connection: Connection, amcheck: str, relation: Any, has_gin: bool) -> Iterator[Finding]:
    parameters = {"oid": relation.oid}
    if relation.relkind == "r":
        checked = f"SELECT blkno, offnum, msg FROM {amcheck}.verify_heapam(CAST(:oid AS oid))"  # noqa: S608
        for block, number, message in connection.execute(text(checked), parameters).fetchmany(1000):
            yield Damage(relation.relname, f"Row ({block},{number}): {message}.")
    elif relation.amname == "btree":
        connection.execute(text(f"SELECT {amcheck}.bt_index_check(CAST(:oid AS oid), true)"), parameters)
    elif relation.amname == "gin" and has_gin:
        connection.execute(text(f"SELECT {amcheck}.gin_index_check(CAST(:oid AS oid))"), parameters)
    else:
        yield NotChecked(
            f"The index {relation.relname} was not checked: this version of amcheck cannot check it."
        )


def _told(engine: Engine, schema: str, relation: Any, reason: str) -> Damage:
    """What is wrong with a table or an index, with the recording whose row is missing from it."""
    ids: tuple[int | None, str | None] = (None, None)
    if (found := _HEAP_TUPLE.search(reason)) and relation.of_table:
        try:
            with noticing(), reading(engine) as connection:
                connection.execute(text(f'SET LOCAL search_path TO "{schema}"'))
                at = f"SELECT position FROM {relation.of_table} WHERE ctid = '({found[1]},{found[2]})'"  # noqa: S608
                position = connection.scalar(text(at)) if _has_position(connection, relation) else None
                ids = ids if position is None else recording_at(connection, position)
        except Broken:
            pass
    return Damage(relation.relname, f"{reason}.", *ids)


def _has_position(connection: Connection, relation: Any) -> bool:
    statement = (
        "SELECT 1 FROM pg_attribute WHERE attrelid = CAST(:table AS regclass) AND attname = 'position'"
    )
    return connection.scalar(text(statement), {"table": relation.of_table}) is not None
