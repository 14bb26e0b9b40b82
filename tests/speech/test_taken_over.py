"""An engine that its model or the sound has taken over can harm nobody: attacking code runs in an engine."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from earwitness.speech.needed_files import gpus
from tests.kernel.confinement.test_layers import needs_landlock, needs_seccomp
from tests.kernel.confinement.victim import victim

REFUSALS = {"EPERM", "EACCES", "ENOSYS"}
# Libraries for linear algebra generate code, and drivers of GPUs need ioctl.
GRANTED = {
    "writable code",
    "writable code, by a thread",
    *(["an ioctl", "an ioctl, by a thread"] if gpus() else []),
}


def attacked(folder: Path, forbidden: str, tried: str) -> list[dict[str, str]]:
    """The results of the attacks while the engine loads, while it hears, and by a thread from before.

    The archive is in the folder from which the engine is imported.
    """
    data = folder / "earwitness-data"
    data.mkdir()
    with victim(data) as target:
        ran = subprocess.run(
            [
                sys.executable,
                "-m",
                "tests.speech.taken_over",
                str(folder),
                forbidden,
                tried,
                target.as_text(),
            ],
            capture_output=True,
            cwd=Path(__file__).parents[2],
            timeout=120,
        )
    assert ran.returncode == 0, ran.stderr
    reports = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(reports) == 3
    return reports


def successes(report: dict[str, str]) -> dict[str, str]:
    return {name: came for name, came in report.items() if came not in REFUSALS}


@needs_landlock
@needs_seccomp
@pytest.mark.parametrize("tried", ["all", "not on the list"])
def test_an_engine_that_is_taken_over_harms_nobody(tmp_path: Path, tried: str) -> None:
    loading, hearing, early = attacked(tmp_path, "", tried)
    assert "fork by clone" in loading
    assert successes(loading) == {}
    assert successes(hearing).keys() <= GRANTED
    assert successes(early).keys() <= GRANTED


@needs_seccomp
@pytest.mark.parametrize("tried", ["all", "not on the list"])
def test_without_landlock_the_filter_confines_an_engine_that_hears(tmp_path: Path, tried: str) -> None:
    loading, hearing, early = attacked(tmp_path, "landlock", tried)
    assert "read the parent's memory" in loading
    assert successes(loading) == {}
    for report in (hearing, early):
        assert report
        assert successes(report).keys() <= GRANTED


@needs_landlock
@needs_seccomp
@pytest.mark.parametrize("tried", ["held by landlock", "by privileges"])
def test_without_a_filter_landlock_confines_an_engine(tmp_path: Path, tried: str) -> None:
    for report in attacked(tmp_path, "seccomp", tried):
        assert report
        assert successes(report) == {}
