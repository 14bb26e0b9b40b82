"""PostgreSQL's `amcheck`, on the machine's own PostgreSQL: the one of the other tests lacks it."""

import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, insert, text
from sqlalchemy.schema import CreateSchema

from earwitness.archive.integrity.findings import Damage, NotChecked
from earwitness.archive.integrity.postgresql import check_postgresql
from earwitness.archive.schema.account import metadata
from earwitness.archive.schema.recordings import recordings

INSTALLED = sorted(Path("/usr/lib/postgresql").glob("*/lib/amcheck.so"))
needs_amcheck = pytest.mark.skipif(
    not INSTALLED,
    reason="NO POSTGRESQL WITH AMCHECK in /usr/lib/postgresql: that verify uses it is NOT TESTED here",
)

ROW = {
    "type": "phone",
    "source": "",
    "direction": "In",
    "is_private_reason": "",
    "status": "processed",
    "has_media": False,
    "has_sender_times": True,
    "transcript_snippet": "",
    "analysis": [],
    "conversation_phases": [],
    "data_groups": {},
    "optional": {},
    "metadata": {},
    "received_digest": b"",
} | dict.fromkeys(("started_at", "ended_at", "duration_ms", "received_at"), 0)


class Cluster:
    """A PostgreSQL of this test alone, which can be stopped to change its files."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._run("initdb", "-D", str(self.data), "-A", "trust", "-U", "postgres")

    def _run(self, program: str, *arguments: str) -> None:
        as_other = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []  # it never runs as root
        binary = INSTALLED[-1].parents[1] / "bin" / program
        subprocess.run([*as_other, str(binary), *arguments], check=True, stdout=subprocess.DEVNULL)

    @contextmanager
    def running(self, user: str = "postgres") -> Iterator[Engine]:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._folder}"
        self._run(
            "pg_ctl", "-D", str(self.data), "-w", "-o", options, "-l", str(self._folder / "log"), "start"
        )
        url = f"postgresql+psycopg://{user}@127.0.0.1:{self.port}/postgres"
        engine = create_engine(url, connect_args={"options": "-c search_path=account_1"})
        yield engine
        engine.dispose()
        self._run("pg_ctl", "-D", str(self.data), "-w", "-m", "fast", "stop")


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="earwitness-amcheck-") as folder:
        if os.geteuid() == 0:
            subprocess.run(["chown", "postgres", folder], check=True)
        cluster = Cluster(Path(folder))
        with cluster.running() as engine, engine.begin() as connection:
            connection.execute(CreateSchema("account_1"))
            metadata.create_all(connection)
            rows = [
                ROW | {"position": n, "interaction_id": n, "third_party_id": f"call-{n}"} for n in range(1, 4)
            ]
            connection.execute(insert(recordings), rows)
        yield cluster


@needs_amcheck
def test_a_damaged_index_is_named_with_the_recording_whose_row_it_lacks(cluster: Cluster) -> None:
    with cluster.running() as engine:
        findings = list(check_postgresql(engine, "account_1"))
        assert [one for one in findings if isinstance(one, Damage)] == []
        not_checked = [one.reason for one in findings if isinstance(one, NotChecked)]
        assert all("recording_text" in one or "_by_trigrams" in one for one in not_checked)
        with engine.begin() as connection:
            index = text("SELECT pg_relation_filepath('recordings_unique_third_party_id')")
            path = cluster.data / str(connection.scalar(index))
    content = bytearray(path.read_bytes())
    content[content.index(b"call-3") + 5] ^= 0x40
    path.write_bytes(content)
    with cluster.running() as engine:
        [found] = [one for one in check_postgresql(engine, "account_1") if isinstance(one, Damage)]
    assert (found.where, found.interaction_id, found.third_party_id) == (
        "recordings_unique_third_party_id",
        3,
        "call-3",
    )
    assert "lacks matching index tuple" in found.reason


@needs_amcheck
def test_a_damaged_row_is_noticed(cluster: Cluster) -> None:
    with cluster.running() as engine, engine.begin() as connection:
        path = cluster.data / str(connection.scalar(text("SELECT pg_relation_filepath('recordings')")))
    content = bytearray(path.read_bytes())
    [pointer] = [int.from_bytes(content[24:28], "little")]
    row = pointer & 0x7FFF  # of the page's first line pointer: PostgreSQL's documentation, 73.6
    content[row + 22] = 3  # where its header says that it ends
    path.write_bytes(content)
    with cluster.running() as engine:
        found = [one for one in check_postgresql(engine, "account_1") if isinstance(one, Damage)]
    assert "recordings" in {one.where for one in found}


@needs_amcheck
def test_without_the_right_to_use_amcheck_it_says_so(cluster: Cluster) -> None:
    with cluster.running() as engine, engine.begin() as connection:
        connection.execute(text("CREATE ROLE plain LOGIN"))
        connection.execute(text("GRANT USAGE ON SCHEMA account_1 TO plain"))
    with cluster.running("plain") as engine:
        [told] = check_postgresql(engine, "account_1")
        assert isinstance(told, NotChecked)
        assert "cannot be made (SQLSTATE 42501)" in told.reason
    with cluster.running() as engine, engine.begin() as connection:
        connection.execute(text("CREATE EXTENSION amcheck WITH SCHEMA public"))
    with cluster.running("plain") as engine:
        [told] = check_postgresql(engine, "account_1")
        assert isinstance(told, NotChecked)
        assert "amcheck may not be used" in told.reason
