"""A worker is killed in the middle of a job: the next one does the job, and nothing is left behind."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from earwitness.archive.accounts.accounts import Accounts, Archive
from earwitness.archive.jobs import queue
from earwitness.archive.media.playable import playable_at
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.vault import media_objects, waveforms
from earwitness.archive.schema.work import jobs as rows
from earwitness.cli.operator import action
from earwitness.ingest.incoming_recording import receive
from earwitness.kernel.settings import Settings
from tests.cli.running import run_json, running
from tests.firm import CLIENT_ID, call
from tests.media.samples import wav_of
from tests.waiting import until

TEN_MINUTES = wav_of(bytes(8000 * 2 * 600), 8000, 1)
SECOND = wav_of(bytes(8000 * 2), 8000, 1)


@dataclass
class Watched:
    """The account that workers work on, as this process sees it."""

    settings: Settings
    archive: Archive

    def add(self, media: bytes, third_party_id: str = "call-1") -> None:
        with receive(self.archive) as reception:
            reception.write(media)
            reception.accept(json.dumps(call(thirdPartyId=third_party_id)).encode(), action("test", "Ingest"))

    def jobs(self) -> list[dict[str, Any]]:
        with self.archive.read() as connection:
            return queue.list_jobs(connection, done=True)

    def lengthen_leases(self) -> None:
        """Waiting for the lease of a dead worker to run out would take longer than this test."""
        with self.archive.write() as connection:
            connection.execute(update(rows).values(leased_until=rows.c.leased_until + 50_000))

    def are_done(self) -> bool:
        return all(job["state"] == "done" for job in self.jobs())

    def count(self, what: Any) -> int:
        with self.archive.read() as connection:
            return int(connection.scalar(select(func.count()).select_from(what)) or 0)

    def incoming(self) -> list[Path]:
        folder = self.settings.data / "accounts" / str(CLIENT_ID) / "media" / "incoming"
        return list(folder.iterdir())


@pytest.fixture
def watched(settings: Settings) -> Iterator[Watched]:
    accounts = Accounts(settings)
    yield Watched(settings, accounts.open(CLIENT_ID))
    accounts.close()


@contextmanager
def worker(settings: Settings) -> Iterator[None]:
    """A worker in a process of its own, killed at the end."""
    with running(settings, "worker"):
        yield


def assert_whole(watched: Watched) -> None:
    """Every recording has its original, one mp3 and one waveform, and there is nothing else."""
    count = watched.count(recordings)
    assert watched.count(waveforms) == count
    assert watched.count(media_objects) == 2 * count
    assert len(list(watched.archive.store.names())) == 2 * count
    assert watched.incoming() == []
    verified = run_json(watched.settings, "verify", CLIENT_ID)
    assert (verified["verified"], verified["damaged"], verified["orphaned"]) == (2 * count, [], [])


def test_a_worker_killed_while_it_decodes(watched: Watched) -> None:
    watched.add(TEN_MINUTES)
    with worker(watched.settings):
        until(lambda: any(file.stat().st_size for file in watched.incoming()), "the mp3 is being written", 60)
        assert [job["state"] for job in watched.jobs()] == ["running"]
    assert watched.count(media_objects) == 1
    watched.lengthen_leases()
    with worker(watched.settings):
        until(watched.are_done, "another worker has done it", seconds=120)
        until(lambda: watched.incoming() == [], "it has tidied up")
    (job,) = watched.jobs()
    assert job["attempts"] == 2
    assert_whole(watched)
    with watched.archive.read() as connection:
        position = connection.execute(select(recordings.c.position)).scalar_one()
        playable = playable_at(connection, position)
    assert playable.status == "processed"
    assert playable.measurement is not None
    assert playable.measurement["duration_ms"] == 600_000


@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)  # where they may be many
def test_workers_share_the_jobs_and_take_over_those_of_a_killed_one(watched: Watched) -> None:
    for number in range(8):
        watched.add(SECOND, f"call-{number}")
    watched.add(TEN_MINUTES, "long")
    with worker(watched.settings):
        with worker(watched.settings):
            until(lambda: any(job["state"] == "done" for job in watched.jobs()), "they have begun", 60)
        until(watched.are_done, "everything is done", seconds=180)
        until(lambda: watched.incoming() == [], "everything is tidied up", seconds=60)
    assert len(watched.jobs()) == 9
    assert_whole(watched)
