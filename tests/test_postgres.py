"""Whatever a test does to its database on PostgreSQL, the next test gets a fresh one."""

from typing import Any

import psycopg
import pytest

from tests.postgres import Databases

EVERYTHING = """
SELECT format('SELECT %s FROM %I.%I', CASE relkind WHEN 'S' THEN 'last_value, is_called' ELSE '*' END,
    n.nspname, relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind IN ('r', 'S', 'v') AND nspname NOT IN ('pg_catalog', 'information_schema')
AND nspname NOT LIKE 'pg_toast%' ORDER BY 1
"""

DONE = {
    "rows": "INSERT INTO public.sign_in_failures (subject, failed_at) VALUES ('a', 1)",
    "rows that were there": "UPDATE public.accounts SET name = 'b'; DELETE FROM account_1234567.account",
    "many rows": "INSERT INTO sign_in_failures (subject, failed_at)"
    " SELECT 'a', 1 FROM generate_series(1, 3000)",
    "another column": "ALTER TABLE public.accounts ADD COLUMN more text",
    "another account": "CREATE SCHEMA account_2 CREATE TABLE a (b int)",
    "no table": "DROP TABLE account_1234567.comments CASCADE",
}


def everything(url: str) -> dict[str, list[Any]]:
    with psycopg.connect(url) as connection:
        names = [name for (name,) in connection.execute(EVERYTHING.encode())]
        return {name: connection.execute(name.encode()).fetchall() for name in names}


@pytest.mark.parametrize("done", DONE)
def test_a_test_does_not_see_what_an_earlier_test_did(databases: Databases, done: str) -> None:
    with databases.one() as url:
        before = everything(url)
        with psycopg.connect(url) as connection:
            connection.execute(DONE[done].encode())
    for _ in range(3):
        with databases.one() as url:
            assert everything(url) == before


def test_what_a_test_left_running_does_not_reach_a_later_test(databases: Databases) -> None:
    with databases.one() as url:
        left = psycopg.connect(url)
        left.execute("DELETE FROM public.accounts")
    later = []
    for _ in range(3):
        with databases.one() as other:
            later.append(other)
            assert everything(other)["SELECT * FROM public.accounts"]
    assert url not in later
    with pytest.raises(psycopg.OperationalError):
        left.commit()
    left.close()
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(url)
