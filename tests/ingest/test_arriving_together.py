"""Recordings that arrive at the same time share a transaction, and nothing else."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import Connection, Engine, event, select
from sqlalchemy.exc import OperationalError

from earwitness.archive.database.group_commit import Take
from earwitness.archive.integrity.objects import orphans
from earwitness.archive.schema.vault import media_objects
from earwitness.archive.schema.work import audit_headers
from earwitness.ingest.accept_together import accept
from earwitness.ingest.arrivals import Arrival, SealedMedia
from earwitness.ingest.parsed_metadata import parse_body
from earwitness.kernel.settings import Settings
from earwitness.media.vault import Sealed, new_recording_key
from tests.firm import ADMIN, CLIENT_ID, Firm, call, endpoint, tone
from tests.ingest.folders import ACTION
from tests.waiting import until

UPLOADERS = 8


@contextmanager
def durable_commits() -> Iterator[list[Connection]]:
    """A list with an entry for each durable transaction that is committed."""
    committed: list[Connection] = []

    def note(connection: Connection) -> None:
        if connection.get_execution_options().get("is_durable"):
            committed.append(connection)

    event.listen(Engine, "commit", note)
    try:
        yield committed
    finally:
        event.remove(Engine, "commit", note)


@contextmanager
def held_up(firm: Firm, count: int) -> Iterator[None]:
    """Let what the block begins wait for the account, until so many wait."""
    firm.token()  # a sign-in writes too
    with firm.archive.write():
        yield
        until(lambda: firm.archive.arrivals.waiting == count, "all wait")


def test_all_who_wait_are_accepted_at_once_and_each_has_its_own_outcome(firm: Firm) -> None:
    firm.ingest(tone(1), thirdPartyId="known")
    sent = {f"call-{number}": tone(0.1, hertz=300 + number) for number in range(UPLOADERS - 3)}
    with durable_commits() as committed, ThreadPoolExecutor(UPLOADERS) as threads:
        with held_up(firm, UPLOADERS):
            new = {name: threads.submit(send, firm, name, media) for name, media in sent.items()}
            twice = threads.submit(send, firm, "call-0", sent["call-0"])
            same, other = (threads.submit(send, firm, "known", tone(seconds)) for seconds in (1, 2))
        statuses = {name: one.result().status_code for name, one in new.items()}
        assert sorted([statuses.pop("call-0"), twice.result().status_code]) == [200, 201]
    assert set(statuses.values()) == {201}
    assert (same.result().status_code, other.result().status_code) == (200, 409)
    # The one that held them up, theirs, and the row of the refusal.
    assert len(committed) == 3
    ids = [one.result().json()["interactionId"] for one in new.values()]
    assert len(set(ids)) == len(sent)
    for name, media in sent.items():
        assert raw(firm, name) == media
    assert len(list(orphans(firm.archive))) == 0


def test_media_that_comes_with_its_recording_is_added_to_it(firm: Firm) -> None:
    """A source may send a recording without its media, and at the same time again with it."""
    waiting = firm.archive.arrivals
    with ThreadPoolExecutor(2) as threads, held_up(firm, 2):
        without = threads.submit(firm.send, call(thirdPartyId="late"), None)
        until(lambda: waiting.waiting == 1, "the first waits")
        complete = threads.submit(send, firm, "late", tone(1))
    assert (without.result().status_code, complete.result().status_code) == (201, 200)
    assert raw(firm, "late") == tone(1)


def test_each_recording_that_came_with_others_has_the_row_of_its_own_call(firm: Firm) -> None:
    with ThreadPoolExecutor(UPLOADERS) as threads, held_up(firm, UPLOADERS):
        sending = [threads.submit(send, firm, f"call-{number}", tone(0.1)) for number in range(UPLOADERS)]
    requests = {one.result().headers["x-request-id"] for one in sending}
    with firm.archive.read() as connection:
        is_ingest = audit_headers.c.description == "Ingest recording"
        headers = connection.execute(select(audit_headers).where(is_ingest)).all()
    assert {header.request_id for header in headers} == requests
    assert [header.username for header in headers] == [ADMIN] * UPLOADERS


def test_one_that_cannot_be_written_harms_no_other(firm: Firm) -> None:
    firm.ingest(tone(1), thirdPartyId="known")
    with firm.archive.read() as connection:
        taken = connection.scalars(select(media_objects.c.name)).one()
    with ThreadPoolExecutor(3) as threads, held_up(firm, 3):
        good = [threads.submit(accept, firm.archive, arrival(name, f"ab/cd/{name}")) for name in ("a", "b")]
        bad = threads.submit(accept, firm.archive, arrival("bad", taken))
    accepted = [one.result() for one in good]
    assert all(one.is_new for one in accepted)
    assert type(bad.exception()).__name__ == "IntegrityError"
    assert set(firm.search()) == {"a", "b", "known"}


def test_where_the_answer_to_the_commit_is_lost_no_media_is_removed(firm: Firm) -> None:
    media = {f"call-{number}": tone(0.1, hertz=300 + number) for number in range(3)}
    firm.ingest(tone(1), thirdPartyId="known")  # the first use of a key is noted in the directory
    with ThreadPoolExecutor(3) as threads, commits_whose_answer_is_lost(after=1):
        with held_up(firm, 3):
            sending = [threads.submit(send, firm, *one) for one in media.items()]
        assert {one.result().status_code for one in sending} == {503}
    firm.archive.sweep()
    assert {name: raw(firm, name) for name in media} == media
    assert {send(firm, *one).status_code for one in media.items()} == {200}
    assert len(list(orphans(firm.archive))) == 0


def test_where_the_account_is_refused_after_a_commit_that_failed_no_media_is_removed(
    fresh_sqlite: Settings, tmp_path: Path
) -> None:
    """A disk that fails at a commit may have it; then the account is examined before the answer."""
    shutil.copytree(fresh_sqlite.data, tmp_path / "data")
    shutil.copytree(fresh_sqlite.keys_folder, tmp_path / "keys")
    settings = replace(fresh_sqlite, data=tmp_path / "data", keys=tmp_path / "keys")
    file = settings.data / "accounts" / str(CLIENT_ID) / "archive.db"

    def commit(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        is_durable = connection.get_execution_options().get("is_durable")
        if is_durable and str(file) == connection.engine.url.database:
            driver.commit()
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            file.rename(file.with_name("away.db"))
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode, error.sqlite_errorname = sqlite3.SQLITE_IOERR, "SQLITE_IOERR"
            raise OperationalError("COMMIT", None, error)

    with Firm(settings) as firm:
        firm.token()
        event.listen(Engine, "commit", commit)
        try:
            refused = send(firm, "call-1", tone(1))
        finally:
            event.remove(Engine, "commit", commit)
        assert (refused.status_code, refused.json()["code"]) == (503, "account-unavailable")
        file.with_name("away.db").rename(file)
        until(lambda: firm.call("GET", "/admin/tag").is_success, "the account is examined again")
        firm.archive.sweep()
        assert raw(firm, "call-1") == tone(1)


@contextmanager
def commits_whose_answer_is_lost(after: int) -> Iterator[None]:
    """Durable transactions, but for the first ones, are committed, and then their connection fails."""
    seen: list[Connection] = []

    def commit(connection: Connection) -> None:
        if connection.get_execution_options().get("is_durable"):
            seen.append(connection)
            if len(seen) > after:
                driver: Any = connection.connection.driver_connection
                driver.commit()
                raise OperationalError("COMMIT", None, OSError("the connection was lost"))

    event.listen(Engine, "commit", commit)
    try:
        yield
    finally:
        event.remove(Engine, "commit", commit)


def send(firm: Firm, name: str, media: bytes) -> Response:
    return firm.send(call(thirdPartyId=name), media)


def raw(firm: Firm, name: str) -> bytes:
    wanted = {"thirdPartyId": name, "format": "raw"}
    return firm.call("POST", "/client/recording.playBackByThirdPartyId", wanted).content


def arrival(name: str, object_name: str) -> Arrival:
    media = SealedMedia(Sealed(object_name, 1, 1, b"digest"), new_recording_key())
    return Arrival(parse_body(json.dumps(call(thirdPartyId=name)).encode(), has_media=True), ACTION, media)


@pytest.mark.parametrize(
    "large",
    [
        {"message": "word " * 30_000, "type": "sms"},
        {"metadata": {"any": "x" * 2_000_000}},
        {"dataGroups": {f"Group {number}": "any" for number in range(300)}},
        {"endpoints": [endpoint(f"+4420794{number:05}", subject=not number) for number in range(300)]},
    ],
    ids=lambda large: str(*large) if len(large) == 1 else "message",
)
def test_nobody_waits_for_a_large_one_that_is_written_with_it(firm: Firm, large: dict[str, Any]) -> None:
    go = Event()

    def write_later(take: Take[Any]) -> list[Any]:
        go.wait()
        return [None for _ in take()]

    with ThreadPoolExecutor(1) as threads:
        others = threads.submit(firm.archive.arrivals.write, None, write_later)
        until(lambda: firm.archive.arrivals.waiting == 1, "others are being written")
        try:
            assert firm.send(call(thirdPartyId="large", **large)).status_code == 201
            assert not others.done()
        finally:
            go.set()


def test_media_that_was_missing_is_added_once_and_stays(firm: Firm) -> None:
    firm.send(call(thirdPartyId="late"), None)
    media = [tone(0.1, hertz=300), tone(0.1, hertz=400)]
    with ThreadPoolExecutor(2) as threads, held_up(firm, 2):
        sending = [threads.submit(send, firm, "late", one) for one in media]
    answered = {one.result().status_code: sent for one, sent in zip(sending, media, strict=True)}
    assert set(answered) == {200, 409}
    assert raw(firm, "late") == answered[200]
    assert len(list(orphans(firm.archive))) == 0


def test_media_that_comes_with_its_metadata_of_before_is_added(firm: Firm) -> None:
    with ThreadPoolExecutor(2) as threads, held_up(firm, 2):
        bare = threads.submit(firm.send, call(thirdPartyId="late"), None)
        until(lambda: firm.archive.arrivals.waiting == 1, "the first waits")
        whole = threads.submit(send, firm, "late", tone(0.1))
    assert [bare.result().status_code, whole.result().status_code] == [201, 200]
    assert raw(firm, "late") == tone(0.1)
