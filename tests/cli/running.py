"""Running the command `earwitness`: in this process, or in one of its own."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from typer.testing import CliRunner, Result

from earwitness.cli.main import app
from earwitness.kernel.settings import Settings


def environment_of(settings: Settings) -> dict[str, str]:
    """The variables that make a process use an installation."""
    return {
        "EARWITNESS_DATA": str(settings.data),
        "EARWITNESS_KEYS": str(settings.keys_folder),
        "EARWITNESS_DATABASE_URL": settings.database_url,
        "EARWITNESS_JOBS": "off",
    }


def run(settings: Settings, *words: object, **more: str) -> Result:
    """Run a command, `more` being further variables."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        return CliRunner().invoke(app, [str(word) for word in words], env=environment_of(settings) | more)
    finally:  # it logs to the standard error of the command, which is gone by now
        root.handlers[:], root.level = handlers, level


def run_json(settings: Settings, *words: object, exit_code: int = 0) -> Any:
    """Run a command with `--json`, and read what it printed."""
    result = run(settings, *words, "--json")
    assert result.exit_code == exit_code, result.output
    return json.loads(result.stdout)


@contextmanager
def running(settings: Settings, *words: object, **more: str) -> Iterator[subprocess.Popen[str]]:
    """A command in a process of its own, which is killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "earwitness", *(str(word) for word in words)],
        env=os.environ | environment_of(settings) | more,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
