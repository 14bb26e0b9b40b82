"""Several servers of one archive, each in its own process: one with other keys does not start."""

import json
from pathlib import Path

import httpx2
import pytest

from earwitness.kernel.settings import Settings
from earwitness.media.keys.key_ring import KEYS_FILE
from tests.cli.running import running
from tests.servers import change_keys, flip_a_bit, other_server
from tests.serving import Server, administrator, server


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("worker",)])
@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
def test_with_a_flipped_bit_in_its_key_no_server_and_no_worker_starts(
    settings: Settings, tmp_path: Path, command: tuple[str, ...]
) -> None:
    administrator(settings)
    other = other_server(settings, tmp_path)
    kek_id = change_keys(other, flip_a_bit)
    with running(other, *command, "--json") as process:
        assert process.wait(60) == 1
        assert process.stdout is not None
        assert kek_id in json.loads(process.stdout.read())["error"]


@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
def test_a_running_server_notices_when_its_key_becomes_another(settings: Settings, tmp_path: Path) -> None:
    credentials = administrator(settings)
    other = other_server(settings, tmp_path)
    right = (other.keys_folder / KEYS_FILE).read_text()
    with server(settings, credentials) as one, server(other, credentials) as two:
        kek_id = change_keys(other, flip_a_bit)
        answer = readyz(two)
        assert (answer.status_code, answer.json()["missing"]) == (503, ["keys"])
        assert kek_id in answer.json()["detail"]
        assert readyz(one).status_code == 200
        (other.keys_folder / KEYS_FILE).write_text(right)
        assert readyz(two).status_code == 200


def readyz(server: Server) -> httpx2.Response:
    return server.client.get(server.client.base_url.copy_with(path="/readyz"))
