"""earwitness serve: what it asks of the system that it runs on."""

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from earwitness.kernel.settings import Settings
from tests.cli.running import run
from tests.processes import needs_proc
from tests.serving import administrator, server


@pytest.fixture
def few_files() -> Iterator[int]:
    """A limit of open files as many systems have it, which may be raised."""
    usual, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most // 2, most))
    yield most
    resource.setrlimit(resource.RLIMIT_NOFILE, (usual, most))


@needs_proc
def test_as_many_accounts_are_open_as_the_system_allows(settings: Settings, few_files: int) -> None:
    with server(settings, administrator(settings)) as serving:
        limits = Path(f"/proc/{serving.process.pid}/limits").read_text()
    (files,) = (line.split() for line in limits.splitlines() if line.startswith("Max open files"))
    assert int(files[3]) == few_files


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_every_command_may_open_as_many_files_as_the_system_allows(
    settings: Settings, few_files: int
) -> None:
    assert run(settings, "account", "list").exit_code == 0
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (few_files, few_files)
