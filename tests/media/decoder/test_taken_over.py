"""A decoder that hostile media has taken over can harm nobody: attacking code runs in a real decoder."""

import errno
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kernel.confinement.attacks import BY_A_THREAD, DONE, EXECUTE
from tests.kernel.confinement.test_layers import needs_landlock, needs_seccomp
from tests.kernel.confinement.victim import victim

REFUSALS = {"EPERM", "EACCES", "ENOSYS", "EMFILE"}
"""EMFILE: without a filter of system calls, the limit of open files comes first."""


@needs_landlock
@needs_seccomp
@pytest.mark.parametrize(
    ("forbidden", "tried", "missing"),
    [
        ("", "all", []),
        ("", "not on the list", []),
        ("landlock", "all", ["Landlock is missing"]),
        ("seccomp", "held by landlock", ["The filter of system calls is missing"]),
        ("seccomp", "by privileges", ["The filter of system calls is missing"]),
    ],
)
def test_a_decoder_that_is_taken_over_harms_nobody(
    tmp_path: Path, forbidden: str, tried: str, missing: list[str]
) -> None:
    with victim(tmp_path) as target:
        ran = subprocess.run(
            [sys.executable, "-m", "tests.media.taken_over.decode", forbidden, tried, target.as_text()],
            capture_output=True,
            cwd=Path(__file__).parents[3],
            timeout=120,
        )
    assert ran.returncode == 0, ran.stderr
    told, report = map(json.loads, ran.stdout.splitlines())
    assert [words.split(":")[0] for words in told] == missing
    assert {name: came for name, came in report.items() if came not in REFUSALS} == {}
    if tried != "by privileges":
        assert EXECUTE in report or "call 59" in report


def attacked_beside(forbidden: str) -> list[dict[str, str]]:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.media.taken_over.beside", forbidden],
        capture_output=True,
        cwd=Path(__file__).parents[3],
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


@needs_landlock
@needs_seccomp
@pytest.mark.parametrize("forbidden", ["", "landlock", "seccomp"])
def test_a_decoder_that_is_taken_over_harms_neither_others_nor_their_fork_server(forbidden: str) -> None:
    reports = attacked_beside(forbidden)
    assert len(reports) == 2
    for report in reports:
        assert report["use what is open"] == errno.errorcode[errno.EBADF]
        kept = {name: came for name, came in report.items() if "what is open" not in name}
        assert len(kept) == 12
        assert set(kept.values()) <= {"EPERM", "EACCES"}


@needs_seccomp
def test_the_attacks_on_others_are_real() -> None:
    """Without confinement a decoder can send signals to the others, but has nothing of them open."""
    for report in attacked_beside("landlock seccomp"):
        assert report["kill the parent"] == report["queue a signal for the parent"] == DONE
        assert report[f"kill the parent{BY_A_THREAD}"] == DONE
        assert report["use what is open"] == errno.errorcode[errno.EBADF]
