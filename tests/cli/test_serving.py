"""earwitness serve raises or lowers limits of the system."""

import resource
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from earwitness.archive.ledger.notes.keys import Kind, SignerKey
from earwitness.kernel.settings import Settings
from tests.cli.running import run, running
from tests.http.connections.raw import connected, request
from tests.processes import children, needs_proc
from tests.serving import administrator, server
from tests.waiting import until


@pytest.fixture
def few_files() -> Iterator[int]:
    """A low limit of open files, as many systems have it, which may be raised."""
    usual, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most // 2, most))
    yield most
    resource.setrlimit(resource.RLIMIT_NOFILE, (usual, most))


def test_a_server_with_a_wrong_key_of_a_witness_does_not_start(settings: Settings) -> None:
    key = SignerKey("audit.example", Kind.WITNESS, b"w" * 32).verifier.text.replace("audit", "aodit")
    result = run(settings, "serve", "--port", 0, EARWITNESS_WITNESSES=f"{key} https://audit.example")
    assert result.exit_code == 1
    assert "EARWITNESS_WITNESSES: the id of the key aodit.example does not belong to it" in result.stderr


@needs_proc
def test_as_many_accounts_are_open_as_the_system_allows(settings: Settings, few_files: int) -> None:
    with server(settings, administrator(settings)) as serving:
        limits = Path(f"/proc/{serving.process.pid}/limits").read_text()
    (files,) = (line.split() for line in limits.splitlines() if line.startswith("Max open files"))
    assert int(files[3]) == few_files


@pytest.fixture
def cores_are_dumped() -> Iterator[None]:
    """Allow core dumps, as far as this user may."""
    usual, most = resource.getrlimit(resource.RLIMIT_CORE)
    if most == 0:
        pytest.skip("no process of this user can dump its memory anyhow: its hard limit is 0")
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))
    yield
    resource.setrlimit(resource.RLIMIT_CORE, (usual, most))


@needs_proc
@pytest.mark.usefixtures("cores_are_dumped")
def test_no_process_of_a_server_dumps_its_memory(settings: Settings) -> None:
    with running(settings, "serve", "--port", 0, "--workers", 2) as process:
        assert process.stdout is not None
        assert "serving" in process.stdout.readline()
        until(lambda: len(children(process.pid)) >= 2, "its processes are there")
        for pid in (process.pid, *children(process.pid)):
            limits = Path(f"/proc/{pid}/limits").read_text()
            (cores,) = (line.split() for line in limits.splitlines() if line.startswith("Max core file size"))
            assert cores[4:6] == ["0", "0"]


def test_as_many_connections_are_held_as_the_setting_says(settings: Settings) -> None:
    with running(replace(settings, connections=2), "serve", "--port", 0) as process, ExitStack() as held:
        assert process.stdout is not None
        base_url = process.stdout.readline().split()[-1]
        first, *_ = [held.enter_context(connected(base_url)) for _ in range(3)]
        assert first.is_closed()
        with connected(base_url) as other:
            other.send(request())
            assert other.status() == 200


@needs_proc
@pytest.mark.usefixtures("cores_are_dumped")
def test_no_command_that_may_open_keys_dumps_its_memory(settings: Settings) -> None:
    assert run(settings, "key", "list").exit_code == 0
    assert resource.getrlimit(resource.RLIMIT_CORE)[0] == 0


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_every_command_may_open_as_many_files_as_the_system_allows(
    settings: Settings, few_files: int
) -> None:
    assert run(settings, "account", "list").exit_code == 0
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (few_files, few_files)
