"""`earwitness status` and the log say how decoders are confined; the server's memory is private."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from earwitness.kernel.confinement.landlock import abi
from tests.cli.conftest import environment_of
from tests.firm import Firm
from tests.kernel.confinement.test_layers import needs_landlock, needs_seccomp
from tests.processes import children, needs_proc
from tests.waiting import until

HERE = Path(__file__).parents[3]
# Runs the command as in a container that forbids the system calls of a layer.
CONTAINED = (
    "import sys\n"
    "from tests.kernel.confinement.outer import forbid\n"
    "forbid(sys.argv.pop(1))\n"
    "from earwitness.cli.main import app\n"
    "app()\n"
)
NOBODY = "65534"
on_sqlite = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)


def becoming(user: str) -> list[str]:
    """How root starts a command as another user."""
    if not user or os.geteuid() != 0:
        return []
    capabilities = [
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
    ]  # this Python may be root's alone
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *capabilities]


@contextmanager
def contained(firm: Firm, forbidden: str, *words: str, user: str = "") -> Iterator[subprocess.Popen[str]]:
    """A command, as another user if one is named; killed at the end with the processes that it started."""
    process = subprocess.Popen(
        [*becoming(user), sys.executable, "-c", CONTAINED, forbidden, *words],
        env=os.environ | environment_of(firm.settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=HERE,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def said(firm: Firm, forbidden: str, *words: str) -> str:
    with contained(firm, forbidden, *words) as process:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        return out


def logged(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The line of the log on confinement."""
    assert process.stderr
    for line in process.stderr:
        told: dict[str, Any] = json.loads(line)
        if "seccomp" in told:
            return told
    raise AssertionError("nothing was logged of confinement")


@on_sqlite
@needs_landlock
@needs_seccomp
@pytest.mark.parametrize(
    ("forbidden", "held", "missing"),
    [
        ("", f"confined by Landlock (ABI {abi()}) and seccomp", []),
        ("landlock", "confined by seccomp", ["Landlock is missing"]),
        ("seccomp", f"confined by Landlock (ABI {abi()})", ["The filter of system calls is missing"]),
        (
            "landlock seccomp",
            "not confined",
            ["Landlock is missing", "The filter of system calls is missing"],
        ),
    ],
)
def test_status_says_what_holds_and_what_does_not(
    firm: Firm, forbidden: str, held: str, missing: list[str]
) -> None:
    shown = said(firm, forbidden, "status")
    assert f"Decoders and engines are {held}." in shown
    for words in ("Landlock is missing", "The filter of system calls is missing"):
        assert (words in shown) == (words in missing)
    told = json.loads(said(firm, forbidden, "status", "--json"))["confinement"]
    assert told["landlockAbi"] == (0 if "landlock" in forbidden else abi())
    assert told["seccomp"] == ("seccomp" not in forbidden)
    assert [one.split(":")[0] for one in told["missing"]] == missing


@on_sqlite
@needs_landlock
@needs_seccomp
@pytest.mark.parametrize(
    "command", [("worker",), ("serve", "--port", "0"), ("serve", "--port", "0", "--workers", "2")]
)
@pytest.mark.parametrize(
    ("forbidden", "level"), [("", "INFO"), ("landlock", "WARNING"), ("seccomp", "WARNING")]
)
def test_servers_and_workers_log_it_when_they_start(
    firm: Firm, command: tuple[str, ...], forbidden: str, level: str
) -> None:
    with contained(firm, forbidden, *command) as process:
        line = logged(process)
    assert line["level"] == level
    assert line["landlockAbi"] == (0 if forbidden == "landlock" else abi())
    assert line["seccomp"] == (forbidden != "seccomp")
    assert ("missing" in line["message"]) == bool(forbidden)


@on_sqlite
def test_a_decoder_that_does_not_work_is_an_error_in_the_log_and_in_status(
    firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lameenc.py").write_text("raise ImportError('of another version of Python')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert "Nothing can be decoded: Decoding ended early" in said(firm, "", "status")
    with contained(firm, "", "worker") as process:
        assert logged(process)["level"] == "ERROR"


@on_sqlite
@needs_proc
@pytest.mark.parametrize("command", [("worker",), ("serve", "--port", "0", "--workers", "2")])
def test_other_processes_of_the_same_user_cannot_read_the_memory_of_servers(
    firm: Firm, command: tuple[str, ...]
) -> None:
    """The kernel makes root the owner of such a process's files in /proc."""
    plain = [*becoming(NOBODY), sys.executable, "-c", "print(flush=True); input()"]
    with subprocess.Popen(plain, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        assert owner(process.pid) != 0
        process.kill()
    for path in (firm.settings.data.parent, *firm.settings.data.parent.rglob("*")):
        if os.geteuid() == 0:
            os.chown(path, int(NOBODY), int(NOBODY))
    with contained(firm, "", *command, user=NOBODY) as process:
        logged(process)
        until(
            lambda: {owner(pid) for pid in processes_of(process.pid)} == {0}, "all keep their memory private"
        )
        assert len(processes_of(process.pid)) == (1 if command == ("worker",) else 3)


def processes_of(pid: int) -> set[int]:
    """A command and its serving processes."""
    return {pid} | {
        child for child in children(pid) if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
    }


def owner(pid: int) -> int:
    return Path(f"/proc/{pid}/environ").stat().st_uid
