"""Running commands, in this process, on the installation of the test."""

import json
import logging
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
import typer.main
import typer.testing
from typer.testing import CliRunner, Result

from earwitness.cli.main import app
from earwitness.kernel.settings import Settings

Run = Callable[..., Result]

# The tree of all commands is built once, not for each command that a test runs.
typer.testing._get_command = cache(typer.main.get_command)  # type: ignore[attr-defined]


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment variables of these settings, without the defaults."""
    given = {}
    for name, setting in settings.declared().items():
        value = getattr(settings, name)
        if value != setting.default:
            given[setting.variable] = ("on" if value else "off") if isinstance(value, bool) else str(value)
    return given


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """Restore logging: a command logs to its own standard error, which is closed after the test."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def run(settings: Settings) -> Run:
    """Run a command; with `--json` among its arguments, what it printed must be JSON and nothing else."""

    def run(*arguments: object, exit_code: int = 0) -> Result:
        result = CliRunner().invoke(app, [str(one) for one in arguments], env=environment_of(settings))
        assert result.exit_code == exit_code, (result.output, result.exception)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        assert "Traceback" not in result.output
        return result

    return run


@pytest.fixture
def tell(run: Run) -> Callable[..., Any]:
    """Run a command with `--json`, and return what it printed."""
    return lambda *arguments, **given: json.loads(run(*arguments, "--json", **given).stdout)
