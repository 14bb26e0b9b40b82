"""The plain install without extras, as the first command of the README makes it."""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.firm import call

Run = Callable[..., "subprocess.CompletedProcess[str]"]

PINNED = re.compile(r"^([\w.-]+)==([^ ;\\]+)", re.MULTILINE)
LOCK = Path(__file__).parents[1] / "requirements.lock"

_LEAVES_OUT = """
import sys

class LeftOut:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, LeftOut())
"""


def named(distributions: list[str]) -> set[str]:
    return {re.sub(r"[-_.]+", "-", name).lower() for name in distributions}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run the command with only the packages of the plain install."""
    brought = named(re.findall(r"^([\w.-]+)==", LOCK.read_text(), re.MULTILINE))
    brought.add("earwitness")
    names = {module for module, of in packages_distributions().items() if not named(of) & brought}
    assert {"psycopg", "obstore", "numpy", "pytest"} <= names
    (tmp_path / "sitecustomize.py").write_text(_LEAVES_OUT.format(names=names))

    def run(*words: object, **settings: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "earwitness", *map(str, words)],
            env=os.environ
            | {
                "PYTHONPATH": str(tmp_path),
                "EARWITNESS_DATA": str(tmp_path / "data"),
                "EARWITNESS_KEYS": str(tmp_path / "keys"),
            }
            | settings,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


def test_an_archive_is_made_filled_and_searched(run: Run, tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text(json.dumps(call()))
    for words in (
        ("account", "create", 7, "--name", "Firm"),
        ("import", 7, manifest),
        ("search", 7, "--json"),
    ):
        ended = run(*words)
        assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["total"] == 1


@pytest.mark.parametrize(
    ("variable", "url", "extra"),
    [
        ("EARWITNESS_DATABASE_URL", "postgresql://nobody@localhost/nothing", "postgres"),
        ("EARWITNESS_MEDIA_URL", "s3://nowhere", "s3"),
    ],
)
def test_a_setting_names_the_extra_that_it_needs(run: Run, variable: str, url: str, extra: str) -> None:
    ended = run("account", "create", 7, "--name", "Firm", **{variable: url})
    assert ended.returncode == 1
    checkout = Path(__file__).parents[1]
    hint = f"{variable} needs a package that is not installed: make -C {checkout} install EXTRAS={extra}"
    assert hint in " ".join(ended.stderr.split())


def test_every_extra_has_a_lock_of_the_versions_that_the_tests_use() -> None:
    """`make install EXTRAS=…` installs from locks/, with hashes."""
    root = Path(__file__).parents[1]
    extras = tomllib.loads((root / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {lock.stem for lock in (root / "locks").glob("*.lock")} == set(extras)
    tested = set(PINNED.findall((root / "requirements-dev.lock").read_text()))
    for name, needed in extras.items():
        lock = (root / "locks" / f"{name}.lock").read_text()
        pinned = PINNED.findall(lock)
        assert set(pinned) <= tested, name
        assert lock.count("--hash=sha256:") >= len(pinned)
        assert named([re.split(r"[\[>=<]", one)[0] for one in needed]) <= named([one for one, _ in pinned])
