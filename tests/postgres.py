"""The databases of the tests on PostgreSQL: each test has one that holds an empty account.

Making a database takes longer than most tests. So a used one is emptied and renamed for the next test; it is
dropped if a test changed its tables or other definitions, or filled it with many rows.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from sqlalchemy import make_url

_MOST_ROWS = 2_000
"""A database that held more rows is not used again: reading takes longer because of the deleted rows."""

_MADE_IN_TEMPLATE = """
CREATE SCHEMA fresh;
CREATE TABLE fresh.changes (tag text);
CREATE FUNCTION fresh.note() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS
    'BEGIN INSERT INTO fresh.changes VALUES (tg_tag); END';
CREATE EVENT TRIGGER note_changes ON ddl_command_end EXECUTE FUNCTION fresh.note()
"""

_OURS = "n.nspname NOT IN ('pg_catalog', 'information_schema', 'fresh') AND n.nspname NOT LIKE 'pg_toast%'"

_TABLES = f"""
SELECT format('%I.%I', n.nspname, relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE relkind = 'r' AND {_OURS}
"""

_SEQUENCES = """
SELECT format('SELECT setval(''%I.%I'', %s, %L)', schemaname, sequencename, coalesce(last_value, start_value),
    last_value IS NOT NULL)
FROM pg_sequences WHERE schemaname <> 'fresh'
"""


def run_in_postgres(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def database_of(url: str, name: str) -> str:
    return make_url(url).set(database=name).render_as_string(hide_password=False)


class Databases:
    """Copies of a template database, each with its rows, and its sequences as far as they were used."""

    def __init__(self, template_url: str) -> None:
        self._url = template_url
        self._template = make_url(template_url).database
        with psycopg.connect(template_url, autocommit=True) as connection:
            tables = [name for (name,) in connection.execute(_TABLES.encode())]
            self._emptying = [f"DELETE FROM {table}" for table in tables]
            self._filling = [name for (name,) in connection.execute(_SEQUENCES.encode())]
            connection.execute(_MADE_IN_TEMPLATE.encode())
            for number, table in enumerate(tables):
                kept = f"fresh.kept_{number}"
                if connection.execute(f"CREATE TABLE {kept} AS TABLE {table}".encode()).rowcount:
                    self._filling.append(f"INSERT INTO {table} OVERRIDING SYSTEM VALUE TABLE {kept}")
            connection.execute(b"DELETE FROM fresh.changes")
        self._used: list[str] = []
        self._server = psycopg.connect(database_of(template_url, "postgres"), autocommit=True)

    def close(self) -> None:
        self._server.close()

    @contextmanager
    def one(self) -> Iterator[str]:
        """Give the URL of a database that no other test uses."""
        name = self._renewed() or self._make()
        yield database_of(self._url, name)
        self._used.append(name)

    def _renewed(self) -> str | None:
        while len(self._used) > 1:  # connections to the last database may still be closing
            name = self._used.pop(0)
            with suppress(psycopg.Error):  # another connection came in between, or the database allows none
                name = self._take_back(name)
                if self._is_emptied(name):
                    return name
            self._server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
        return None

    def _make(self) -> str:
        name = _new_name()
        made = f"CREATE DATABASE {name} TEMPLATE {self._template} STRATEGY FILE_COPY"
        self._server.execute(made.encode())
        return name

    def _take_back(self, name: str) -> str:
        """End all connections and rename it, so that threads that a test left running no longer find it."""
        self._server.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", (name,)
        )
        renamed = _new_name()
        self._server.execute(f"ALTER DATABASE {name} RENAME TO {renamed}".encode())
        return renamed

    def _is_emptied(self, name: str) -> bool:
        """Empty a database. False if its definitions differ from the template, or it held too many rows."""
        as_they_are = "-c session_replication_role=replica"  # without triggers and foreign keys
        url = database_of(self._url, name)
        with psycopg.connect(url, options=as_they_are) as connection:
            if connection.execute("SELECT FROM fresh.changes").rowcount:
                return False
            emptied = connection.execute(";".join(self._emptying).encode())
            rows = emptied.rowcount
            while emptied.nextset():
                rows += emptied.rowcount
            connection.execute(";".join(self._filling).encode())
            return rows <= _MOST_ROWS


def _new_name() -> str:
    return f"test_{uuid.uuid4().hex}"


@contextmanager
def gone(url: str, postgres_url: str) -> Iterator[None]:
    """Break every connection to a database, and refuse new ones."""
    name = make_url(url).database
    run_in_postgres(
        postgres_url,
        f"ALTER DATABASE {name} ALLOW_CONNECTIONS false",
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
    )
    yield
    run_in_postgres(postgres_url, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
