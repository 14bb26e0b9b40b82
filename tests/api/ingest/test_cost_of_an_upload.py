"""What one upload costs: the statements, writing transactions, syncs and threads that it may take."""

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event

from tests.firm import Firm, tone

MEDIA = tone(0.5)

# Each statement by its verb and table, in their order.
SIGN_IN = ["SELECT users"]  # who sends it, and what this user may do
LOCK = ["SELECT counters"]  # PostgreSQL: other writers wait. SQLite's transaction begins with its lock.
LOOK_UP = [
    # Is it known, or noted as a call; the newest id; how long recordings are kept; addresses that are known,
    # and their owners.
    "SELECT recordings",
    "UPDATE counters",  # takes the id
]
LEDGER = ["INSERT audit_headers"]  # who did what
DIGESTS = ["INSERT recording_digests"]  # of its parts
ROWS = [
    "INSERT recordings",
    "INSERT recording_counts",  # for totals
    "INSERT recording_endpoints",
    "INSERT recording_text",  # by which it is found
    "INSERT recording_keys",  # the wrapped key of its media
    "INSERT media_objects",
    "INSERT jobs",  # the work that it needs
]
SUBJECTS = [
    "INSERT audit_rows",  # to which recording
    "INSERT audit_changes",  # and what was not there before
]


def _inserted(*each: str) -> str:
    """One statement that inserts what these do."""
    return " ".join(["INSERT", *sorted(one.removeprefix("INSERT ") for one in each)])


ACCEPT = {
    "sqlite": [*LOOK_UP, *ROWS, *DIGESTS, *LEDGER, *SUBJECTS],
    # All rows in one statement, which names these tables in any order.
    "postgresql": [*LOCK, *LOOK_UP, *LEDGER, _inserted(*ROWS, *DIGESTS, *SUBJECTS)],
}
MARK = [
    "SELECT accounts_with_work",
    "INSERT accounts_with_work",
]  # of the directory: an account with a new job; and once a second at most, with something for its log
SYNCS = [
    "media object",  # its bytes
    "incoming",  # the name by which a crash is cleaned up
    "folder of the object",
    "receipts",
]  # and by SQLite itself one of its log, for the commit of the account

ONCE_FOR_A_CONNECTION = "SELECT text_rebuilds"  # is the text index complete

MOST_STATEMENTS = {"sqlite": 14, "postgresql": 6}


@dataclass
class Cost:
    """What was seen while something was done, in its order."""

    statements: list[str] = field(default_factory=list)
    durable_writes: int = 0
    hints_written: int = 0
    syncs: list[str] = field(default_factory=list)
    threads: int = 0


_TABLE = re.compile(r"(?:INTO|UPDATE|FROM) (?:\"?\w+\"?\.)?\"?([a-z_]+)")
_PARTS = {"recording_text_parts": "recording_text"}


def _name_of(sql: str) -> str | None:
    verb = sql.split(maxsplit=1)[0]
    if verb == "WITH":
        into = re.findall(r"INSERT INTO (?:\w+\.)?(\w+)", sql)
        return "INSERT " + " ".join(sorted(_PARTS.get(table, table) for table in into))
    found = _TABLE.search(sql)
    return f"{verb} {_PARTS.get(found[1], found[1])}" if found else None


def _synced(fd: int) -> str:
    path = Path(f"/proc/self/fd/{fd}").readlink()
    if path.parent.name == "receipts":
        return "receipts"
    if path.name == "incoming":
        return "incoming"
    return "media object" if path.is_file() else "folder of the object"


@contextmanager
def cost(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cost]:
    """Count what this process does, in all its threads."""
    seen = Cost()

    def executed(_connection: Any, _cursor: Any, sql: str, *_: Any) -> None:
        name = _name_of(sql)  # BEGIN, and settings of a connection, name no table
        if name and name != ONCE_FOR_A_CONNECTION:
            seen.statements.append(name)

    def committed(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get("writes"):
            seen.durable_writes += options["is_durable"]
            seen.hints_written += not options["is_durable"]

    def counted(sync: Any) -> Any:
        def count(fd: int) -> None:
            seen.syncs.append(_synced(fd))
            sync(fd)

        return count

    start = threading.Thread.start

    def started(thread: threading.Thread) -> None:
        seen.threads += 1
        start(thread)

    event.listen(Engine, "before_cursor_execute", executed)
    event.listen(Engine, "commit", committed)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", counted(os.fsync))
        patched.setattr(os, "fdatasync", counted(os.fdatasync))
        patched.setattr(threading.Thread, "start", started)
        try:
            yield seen
        finally:
            event.remove(Engine, "before_cursor_execute", executed)
            event.remove(Engine, "commit", committed)


def test_an_upload_takes_no_more_than_it_needs(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    database = firm.archive.engine.dialect.name
    for name in ("first", "second"):  # they make threads, connections, folders and endpoints
        firm.ingest(MEDIA, thirdPartyId=name)
    firm.work()  # removes the mark of the account
    with cost(monkeypatch) as seen:
        firm.ingest(MEDIA, thirdPartyId="call")
    accept = [*SIGN_IN, *ACCEPT[database]]
    written, marked = seen.statements[: len(accept)], seen.statements[len(accept) :]
    assert written == accept
    assert list(dict.fromkeys(marked)) == MARK
    assert len(accept) <= MOST_STATEMENTS[database]
    assert (seen.durable_writes, seen.hints_written) == (1, 1)
    assert seen.syncs == SYNCS
    assert seen.threads == 0
    with cost(monkeypatch) as seen:
        firm.ingest(MEDIA, thirdPartyId="while the account is marked")
    assert seen.durable_writes == 1
    assert seen.statements[: len(accept) + 1] == [*accept, MARK[0]]


def test_a_recording_that_is_sent_again_writes_nothing(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        firm.ingest(MEDIA)
    with cost(monkeypatch) as seen:
        firm.ingest(MEDIA)
    assert [one for one in seen.statements if not one.startswith("SELECT")] == []
    assert "receipts" not in seen.syncs
