"""The faults, one row for each: what is broken, how it is broken and mended, and what that needs."""

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from bench.faults.mounts import Disk
from bench.faults.site import MAIN, OTHER, SERVERS, Site, key_setting, until

Breaks = Callable[[Site], AbstractContextManager[None]]

_SECOND, _THIRD = SERVERS[1], SERVERS[2]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: entering `breaks` breaks something, and leaving it mends that.

    `needs` names the network namespaces or nginx. `seconds` is how long the fault lasts. `prepare` runs
    before.
    """

    title: str
    breaks: Breaks
    needs: frozenset[str] = frozenset()
    seconds: float = 12.0
    prepare: Callable[[Site], None] = lambda site: None


def _killed(part: str) -> Breaks:
    @contextmanager
    def breaks(site: Site) -> Iterator[None]:
        site.parts[part].kill()
        yield
        site.parts[part].start()

    return breaks


def _stopped(part: str) -> Breaks:
    @contextmanager
    def breaks(site: Site) -> Iterator[None]:
        site.parts[part].signal(signal.SIGSTOP)
        yield
        site.parts[part].signal(signal.SIGCONT)

    return breaks


def _cut(part: str) -> Breaks:
    @contextmanager
    def breaks(site: Site) -> Iterator[None]:
        site.network.cut(part)
        yield
        site.network.join(part)

    return breaks


def _objects_that(behaviour: str) -> Breaks:
    @contextmanager
    def breaks(site: Site) -> Iterator[None]:
        site.behaviour.write_text(behaviour)
        yield
        site.behaviour.unlink()

    return breaks


def _differs(part: str, **settings: str) -> Breaks:
    """Restart a server with other settings than the other servers have."""

    @contextmanager
    def breaks(site: Site) -> Iterator[None]:
        site.parts[part].kill()
        site.parts[part].start(**settings)
        yield
        site.parts[part].kill()
        site.parts[part].start()

    return breaks


@contextmanager
def _killed_in_a_job(site: Site) -> Iterator[None]:
    running = f"SELECT count(*) FROM account_{MAIN}.jobs WHERE state = 'running'"
    with site.database() as database:
        until(lambda: bool(database.execute(running.encode()).fetchall()[0][0]), "a job is running")
    site.parts["worker"].kill()
    yield
    site.parts["worker"].start()


@contextmanager
def _cut_in_a_write(site: Site) -> Iterator[None]:
    """Cut off a server in the middle of a write, while it holds the account's row of counters.

    Ingest writes to `media_objects` last. A lock on that table makes the server wait in its transaction until
    it is cut off.
    """
    holds = "SELECT host(client_addr) FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"
    hosts = {site.network.host(name): name for name in SERVERS}
    with site.database() as database:
        ours = database.info.backend_pid
        database.execute(b"BEGIN")
        database.execute(f"LOCK TABLE account_{MAIN}.media_objects IN EXCLUSIVE MODE".encode())
        held: list[str] = []

        def is_held() -> bool:
            held[:] = [hosts[row[0]] for row in database.execute(holds, (ours,)) if row[0] in hosts]
            return bool(held)

        until(is_held, "a server is in the middle of a write", 20)
        site.network.cut(held[0])
        database.execute(b"ROLLBACK")
    yield
    site.network.join(held[0])


@contextmanager
def _restarted(site: Site) -> Iterator[None]:
    site.parts["postgres"].end(signal.SIGINT)
    site.parts["postgres"].start()
    until(site.database_answers, "PostgreSQL answers again")
    yield


@contextmanager
def _failed_over(site: Site) -> Iterator[None]:
    """Kill the primary for good. To mend that, promote the standby, which then commits without a standby."""
    site.parts["postgres"].kill()
    yield
    site.promote_standby()
    with site.database() as database:
        database.execute(b"ALTER SYSTEM RESET synchronous_standby_names")
        database.execute(b"SELECT pg_reload_conf()")


@contextmanager
def _disk_full(site: Site) -> Iterator[None]:
    disk = Disk(site.data(_THIRD))
    disk.fill()
    yield
    disk.empty()


@contextmanager
def _disk_read_only(site: Site) -> Iterator[None]:
    disk = Disk(site.data(_THIRD))
    disk.read_only(True)
    yield
    disk.read_only(False)


@contextmanager
def _account_broken(site: Site) -> Iterator[None]:
    """Take away the tables of the other account, and restart a server meanwhile."""
    rename = "ALTER SCHEMA {} RENAME TO {}"
    whole, broken = f"account_{OTHER}", f"broken_{OTHER}"
    with site.database() as database:
        database.execute(rename.format(whole, broken).encode())
    site.parts[_SECOND].kill()
    site.parts[_SECOND].start()
    yield
    with site.database() as database:
        database.execute(rename.format(broken, whole).encode())


@contextmanager
def _nothing(site: Site) -> Iterator[None]:
    yield


_APART = frozenset({"network"})

FAULTS: dict[str, Fault] = {
    "nothing": Fault("nothing, to compare with", _nothing),
    "server-killed": Fault("one server killed", _killed(_SECOND)),
    "server-cut-in-a-write": Fault(
        "one server cut off while it holds the account's row", _cut_in_a_write, _APART, 25
    ),
    "server-stopped": Fault("one server stopped (SIGSTOP)", _stopped(_THIRD)),
    "worker-killed": Fault("the worker killed in the middle of a job", _killed_in_a_job),
    "worker-cut": Fault("the worker cut off", _cut("worker"), _APART),
    "postgres-restarted": Fault("PostgreSQL restarted", _restarted, seconds=4),
    "postgres-killed": Fault("PostgreSQL killed", _killed("postgres")),
    "postgres-cut": Fault("PostgreSQL cut off", _cut("postgres"), _APART, 20),
    "postgres-stopped": Fault("PostgreSQL stopped (SIGSTOP)", _stopped("postgres"), seconds=20),
    "standby-stopped": Fault(
        "PostgreSQL's synchronous standby stopped (SIGSTOP)",
        _stopped("standby"),
        seconds=25,
        prepare=Site.start_standby,
    ),
    "objects-cut": Fault("the S3 server cut off", _cut("objects"), _APART, 15),
    "objects-failing": Fault("the S3 server answers 503 to everything", _objects_that('{"status": 503}')),
    "objects-slow": Fault(
        "the S3 server takes 2 s for each answer", _objects_that('{"delay": 2}'), seconds=15
    ),
    "disk-full": Fault("the data folder of one server full", _disk_full, _APART),
    "disk-read-only": Fault("the data folder of one server read-only", _disk_read_only, _APART),
    "proxy-upstream-cut": Fault("one server behind nginx cut off", _cut(_SECOND), _APART | {"nginx"}),
    "account-broken": Fault("the tables of another account gone, and a server started", _account_broken),
    "key-differs": Fault(
        "one server with another key under the same id",
        _differs(_THIRD, EARWITNESS_KEY_ENCRYPTION_KEY=key_setting(2)),
    ),
    "bucket-differs": Fault(
        "one server with another bucket", _differs(_THIRD, EARWITNESS_MEDIA_URL="s3://archive-2/faults")
    ),
    "media-on-disk": Fault(
        "one server without EARWITNESS_MEDIA_URL", _differs(_THIRD, EARWITNESS_MEDIA_URL="")
    ),
    "token-key-differs": Fault(
        "one server with another token key",
        _differs(_THIRD, EARWITNESS_TOKEN_KEY="another secret than the others have, and long"),
    ),
    "failed-over": Fault(
        "PostgreSQL's primary gone, its standby promoted", _failed_over, seconds=8, prepare=Site.start_standby
    ),
}
"""Every fault by its name. To add a fault, add a row."""
