"""Running the command `earwitness`: in this process, or in one of its own."""

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from typer.testing import CliRunner, Result

from earwitness.cli.main import app
from earwitness.kernel.settings import Settings
from tests.cli.conftest import environment_of


def run(settings: Settings, *words: object, **more: str) -> Result:
    """Run a command. `more` are further environment variables."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        return CliRunner().invoke(app, [str(word) for word in words], env=environment_of(settings) | more)
    finally:  # the command's log handler writes to its standard error, which is closed by now
        root.handlers[:], root.level = handlers, level


def run_json(settings: Settings, *words: object, exit_code: int = 0) -> Any:
    """Run a command with `--json`, and read what it printed."""
    result = run(settings, *words, "--json")
    assert result.exit_code == exit_code, result.output
    return json.loads(result.stdout)


@contextmanager
def running(settings: Settings, *words: object) -> Iterator[subprocess.Popen[str]]:
    """Run a command in the background. At the end it is killed with all processes that it started."""
    process = subprocess.Popen(
        [sys.executable, "-m", "earwitness", *(str(word) for word in words)],
        env=os.environ | environment_of(settings),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
