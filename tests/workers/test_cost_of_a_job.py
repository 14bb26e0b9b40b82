"""What the job of one call costs: the statements, writing transactions, threads and forks that it may take.

With `tests/api/ingest/test_cost_of_an_upload.py` this is all that a call takes until it can be played.
"""

import threading

import pytest

from earwitness.ingest.steps.reprocess import queue_again
from earwitness.media.decoder.fork_server import ForkedChild, ForkServers
from earwitness.workers.account_rotation import AccountRotation
from earwitness.workers.job_runner import run_job
from tests.api.ingest.test_cost_of_an_upload import LOCK, cost
from tests.firm import Firm, tone

# Each statement by its verb and table, in their order.
TAKE = [
    "SELECT accounts_with_work",  # of the directory: whose turn it is
    "SELECT jobs",  # is one due, in a read: has a lease run out
    "SELECT jobs",  # the oldest that is due
    "SELECT jobs",  # the same in the write
    "SELECT jobs",
    "UPDATE jobs",  # the lease
]
READ = ["SELECT recordings"]  # its objects, its key, and what was known about its sound
WRITE = [
    "UPDATE recordings",  # its end, and until when it is kept; tells what was made before, and the engine
    "INSERT waveforms",
    "INSERT media_objects",  # the mp3
    "UPDATE jobs",  # done, if this worker still has the lease
]
EARLIER = ["DELETE waveforms", "DELETE media_objects"]  # what the earlier decoding made
RETAIN = [
    "SELECT recording_endpoints",  # the subjects
    "SELECT recordings",  # the type and the end
    "SELECT account",  # the default
    "UPDATE recordings",
]
KEPT_UNTIL = ["SELECT recordings"]  # before and after, for the ledger
INDEX = [  # PostgreSQL also removes the earlier text
    "SELECT transcripts",
    "SELECT recordings",
    "SELECT tags",
    "SELECT recording_endpoints",  # the names and addresses
    "INSERT recording_text",
]


@pytest.fixture
def forks(monkeypatch: pytest.MonkeyPatch) -> list[ForkedChild]:
    """The decoding processes that are forked."""
    forked: list[ForkedChild] = []
    fork = ForkServers.fork

    def counted(servers: ForkServers) -> ForkedChild:
        forked.append(fork(servers))
        return forked[-1]

    monkeypatch.setattr(ForkServers, "fork", counted)
    return forked


def test_the_job_of_a_call_takes_no_more_than_it_needs(
    firm: Firm, monkeypatch: pytest.MonkeyPatch, forks: list[ForkedChild]
) -> None:
    lock = LOCK if firm.archive.engine.dialect.name == "postgresql" else []
    for name in ("first", "second"):  # they make folders, connections and a fork server
        firm.ingest(tone(0.5), thirdPartyId=name)
    firm.work()
    firm.ingest(tone(0.5), thirdPartyId="call")
    forks.clear()
    rotation = AccountRotation(firm.app.state.installation.accounts, "worker")
    with cost(monkeypatch) as taking:
        taken = rotation.take("process", lambda: False)
    assert taken is not None
    assert taking.statements == TAKE
    assert (taking.durable_writes, taking.hints_written, taking.threads) == (1, 0, 0)
    with cost(monkeypatch) as seen:
        run_job(*taken, "worker", firm.settings, threading.Event())
    assert firm.jobs() == {"done": 3}
    assert seen.statements == [*READ, *lock, *WRITE]
    assert (seen.durable_writes, seen.hints_written) == (1, 0)
    assert len(forks) == 1  # decodes and encodes
    assert seen.threads == 1  # renews the lease
    assert seen.syncs == ["media object", "incoming", "folder of the object"]  # of the mp3


def test_reprocessing_takes_what_acceptance_took_in_addition(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_postgresql = firm.archive.engine.dialect.name == "postgresql"
    firm.ingest(tone(0.5))
    firm.work()
    with firm.archive.write() as connection:
        queue_again(connection)
    taken = AccountRotation(firm.app.state.installation.accounts, "worker").take("process", lambda: False)
    assert taken is not None
    with cost(monkeypatch) as seen:
        run_job(*taken, "worker", firm.settings, threading.Event())
    lock, removed = (LOCK, ["DELETE recording_text"]) if is_postgresql else ([], [])
    measured, (*stored, done) = WRITE[:1], WRITE[1:]
    indexed = [*INDEX[:-1], *removed, INDEX[-1]]
    changes = [*measured, *EARLIER, *stored, *RETAIN, *indexed]
    assert seen.statements == [*READ, *lock, *KEPT_UNTIL, *changes, *KEPT_UNTIL, done]
