"""The log by itself: how fast actions become leaves, how long others wait, proofs, and bytes."""

import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from earwitness.api.ledger.proof import get_proof
from earwitness.archive.accounts.accounts import Accounts, Archive
from earwitness.archive.ledger import integrating, ledger
from earwitness.archive.ledger.ledger import Action, Entry
from earwitness.archive.schema.ledger import ledger_leaves
from earwitness.archive.upkeep.ledgers.ledger_heads import show
from earwitness.archive.upkeep.ledgers.ledger_log import notes_of, signer_in, take_turn
from earwitness.cli.calling import make_in
from earwitness.ingest.sources.manifest import import_line
from earwitness.kernel.settings import Settings

CLIENT_ID = 1
_ACTION = Action("POST", "/client/recording.detail", "Get recording", "jane.smith", "192.0.2.1", user_id=1)
_AT_ONCE = 2_000
_PROOFS = 50
_CALL = (
    b'{"thirdPartyId": "call", "type": "phone", "startDatetimeUTC": "2026-05-12T10:30:00Z", '
    b'"durationInSeconds": 60, "endpoints": [{"type": "phone", "endpoint": "447896423595", '
    b'"isOriginator": true, "isRecordingSubject": true}]}'
)


def measure_log(folder: Path, actions: int, leaves: int) -> Iterator[dict[str, Any]]:
    accounts = Accounts(Settings(data=folder / "data", keys=folder / "data.keys"))
    accounts.create(CLIENT_ID, "Benchmark")
    archive = accounts.open(CLIENT_ID)
    import_line(archive, _CALL, folder, _ACTION)
    yield _adding(archive, accounts, actions)
    while (there := _size(archive)) < leaves:
        _act(archive, min(_AT_ONCE, leaves - there))
        while take_turn(archive, accounts):
            pass
    show(archive, accounts)
    yield _proving(accounts)
    yield _bytes(archive, accounts, folder)
    accounts.close()


def _adding(archive: Archive, accounts: Accounts, actions: int) -> dict[str, Any]:
    """Actions with one row each, made into leaves turn by turn, as `take_turn` does."""
    _act(archive, actions)
    writes: list[float] = []
    written: list[float] = []
    began, used = time.perf_counter(), time.process_time()
    while True:
        with archive.read() as connection:
            turn = integrating.prepare(connection)
            signer = signer_in(connection, accounts)
        if turn.is_empty:
            break
        write, of_write = time.perf_counter(), time.process_time()
        with archive.write(locked=False) as connection:
            integrating.add(connection, turn, notes_of(signer))
        writes.append(time.perf_counter() - write)
        written.append(time.process_time() - of_write)
    took, used = time.perf_counter() - began, time.process_time() - used
    return {
        "what": "actions made into leaves",
        "actions a second": round(actions / took),
        "actions a second of a processor": round(actions / used),
        "median write, ms": round(statistics.median(writes) * 1000, 1),
        "median write, ms of a processor": round(statistics.median(written) * 1000, 1),
    }


def _proving(accounts: Accounts) -> dict[str, Any]:
    """A proof of the action on a recording."""
    times: list[float] = []
    used = time.process_time()
    sent = {"recordingId": 1, "pageSize": 1}
    for _ in range(_PROOFS):
        began = time.perf_counter()
        make_in(accounts, CLIENT_ID, "bench", get_proof, sent)
        times.append(time.perf_counter() - began)
    return {
        "what": "proof of an action on a recording",
        "leaves": _size(accounts.open(CLIENT_ID)),
        "median, ms": round(statistics.median(times) * 1000, 2),
        "ms of a processor": round((time.process_time() - used) / _PROOFS * 1000, 2),
    }


def _bytes(archive: Archive, accounts: Accounts, folder: Path) -> dict[str, Any]:
    """How much the database grows by actions alone, and by their leaves."""
    before = _stored(archive, folder)
    _act(archive, _AT_ONCE * 5)
    written = _stored(archive, folder)
    while take_turn(archive, accounts):
        pass
    added = _stored(archive, folder)
    count = _AT_ONCE * 5
    return {
        "what": "bytes of an action in the database",
        "its header and row": round((written - before) / count),
        "its leaf and hashes": round((added - written) / count),
    }


def _act(archive: Archive, count: int) -> None:
    for start in range(0, count, _AT_ONCE):
        done = [(_ACTION, [Entry(2)])] * min(_AT_ONCE, count - start)
        with archive.write() as connection:
            ledger.append_all(connection, done)


def _size(archive: Archive) -> int:
    with archive.read() as connection:
        return connection.scalar(select(func.count()).select_from(ledger_leaves)) or 0


def _stored(archive: Archive, folder: Path) -> int:
    with archive.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return (folder / "data/accounts" / str(CLIENT_ID) / "archive.db").stat().st_size
