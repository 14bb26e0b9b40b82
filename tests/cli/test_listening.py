"""earwitness serve and demo listen on an address before they print it; an error names the address."""

import json
import os
import socket
import subprocess
from collections.abc import Iterator

import httpx2
import pytest

from earwitness.kernel.settings import Settings
from tests.cli.running import run, running

pytestmark = pytest.mark.parametrize(
    "settings", ["sqlite"], indirect=True
)  # the database makes no difference here

WORKERS = [(), ("--workers", 2)]


@pytest.fixture
def taken() -> Iterator[int]:
    """A port of this machine that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def said(process: subprocess.Popen[str], until_line: str) -> str:
    assert process.stdout is not None
    lines = ""
    while until_line not in lines:
        line = process.stdout.readline()
        assert line, "the command has ended"
        lines += line
    return lines


def is_ready(base_url: str) -> bool:
    return httpx2.get(base_url.removesuffix("api") + "readyz", timeout=60).status_code == 200


@pytest.mark.parametrize("workers", WORKERS)
def test_a_taken_port_is_named_and_nothing_is_served(
    settings: Settings, taken: int, workers: tuple[object]
) -> None:
    for command in (("serve", *workers), ("demo",)):
        result = run(settings, *command, "--port", taken)
        assert result.exit_code == 1
        assert result.stdout == ""
        assert result.stderr.strip() == (
            f"earwitness: port {taken} of 127.0.0.1 is taken: choose another with --port"
        )


def test_a_taken_port_is_named_in_json(settings: Settings, taken: int) -> None:
    result = run(settings, "serve", "--port", taken, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {
        "error": f"port {taken} of 127.0.0.1 is taken: choose another with --port"
    }


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("192.0.2.1", "192.0.2.1 is no address of this machine: choose another with --host"),
        ("no-such-host.invalid", "no-such-host.invalid is no address and no known name"),
    ],
)
def test_a_host_that_cannot_be_listened_on_is_named(settings: Settings, host: str, why: str) -> None:
    result = run(settings, "serve", "--host", host, "--port", 0)
    assert result.exit_code == 1
    assert why in result.stderr
    assert "serving" not in result.stdout


@pytest.mark.parametrize("workers", WORKERS)
def test_the_printed_url_can_be_called_at_once(settings: Settings, workers: tuple[object]) -> None:
    with running(settings, "serve", "--port", 0, "--json", *workers) as process:
        base_url = json.loads(said(process, "}\n"))["baseUrl"]
        assert not base_url.endswith(":0/api")
        assert is_ready(base_url)  # the first try: who calls too early waits


@pytest.mark.parametrize("host", ["localhost", "0.0.0.0", "::", "::1"])
def test_a_server_answers_at_the_url_that_it_prints(settings: Settings, host: str) -> None:
    if ":" in host and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    with running(settings, "serve", "--host", host, "--port", 0) as process:
        base_url = said(process, "serving").split()[-1]
        assert is_ready(base_url)
        assert httpx2.get(f"{base_url}/schema").status_code == 200
        if host == "::":
            assert httpx2.get(base_url.replace("[::]", "127.0.0.1") + "/schema").status_code == 200


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def test_two_servers_cannot_serve_on_one_port(settings: Settings) -> None:
    with running(settings, "serve", "--port", 0) as process:
        port = said(process, "serving").split()[-1].split(":")[-1].removesuffix("/api")
        result = run(settings, "serve", "--port", port)
        assert (result.exit_code, f"port {port} of 127.0.0.1 is taken" in result.stderr) == (1, True)


def test_a_server_that_is_told_to_stop_stops(settings: Settings) -> None:
    for workers in WORKERS:
        with running(settings, "serve", "--port", 0, *workers) as process:
            base_url = said(process, "serving").split()[-1]
            assert is_ready(base_url)
            process.terminate()
            assert process.wait(timeout=60) in {0, -15}


def test_privileged_ports_are_named(settings: Settings) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may listen on any port")
    result = run(settings, "serve", "--port", 1)
    assert (result.exit_code, "from 1024" in result.stderr) == (1, True)
