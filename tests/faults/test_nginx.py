"""Runs the example for several servers behind nginx as docs/operations.md has it."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from bench.faults.network import Loopback
from bench.faults.part import Part
from bench.faults.proxy import HOST_NAME, documented_example, nginx, write_nginx

from earwitness.kernel.settings import Settings
from tests.conftest import installation
from tests.firm import call, tone
from tests.serving import Credentials, Server, administrator, server
from tests.waiting import until

HOST, CLIENTS_ADDRESS = "127.0.0.1", "127.0.0.9"
MIB = 1 << 20
GONE = [f"gone-{number}" for number in range(8)]

pytestmark = pytest.mark.skipif(
    nginx() is None, reason="NGINX IS NOT INSTALLED (make system-faults): not tried"
)


@dataclass
class Behind:
    """nginx before two servers and one that does not exist, and a client that signed in through nginx."""

    servers: list[Server]
    client: httpx2.Client
    folder: Path

    def send(self, third_party_id: str, media: bytes = tone()) -> httpx2.Response:
        metadata = (None, json.dumps(call(thirdPartyId=third_party_id)), "application/json")
        sent = ("call.wav", media, "audio/wav")
        return self.client.post("/api/ingest/recording", files={"metadata": metadata, "media": sent})

    def post(self, path: str, body: object) -> httpx2.Response:
        answer = self.client.post(f"/api{path}", json=body)
        assert answer.is_success, answer.text
        return answer

    def found(self) -> list[str]:
        page = self.post("/client/recording.search", {}).json()
        return sorted(one["thirdPartyId"] for one in page["recordings"])


@pytest.fixture(scope="module", params=["postgresql"])
def behind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    folder = tmp_path_factory.mktemp("behind")
    network = Loopback()
    with ExitStack() as leaving:
        settings = leaving.enter_context(installation(request, folder))
        monkeypatch = leaving.enter_context(pytest.MonkeyPatch.context())
        monkeypatch.setenv("EARWITNESS_TRUSTED_PROXIES", HOST)
        monkeypatch.setenv("EARWITNESS_PUBLIC_URL", f"https://{HOST_NAME}")
        credentials = administrator(settings)
        servers = [leaving.enter_context(server(settings, credentials)) for _ in range(2)]
        at = [f"{HOST}:{port}" for port in (*(one.port for one in servers), network.port("missing"))]
        listens = f"{HOST}:{network.port('nginx')}"
        program, config = nginx() or "", write_nginx(folder, listens, at)
        tried = subprocess.run([program, "-t", "-c", config], capture_output=True, text=True, check=False)
        assert tried.returncode == 0, tried.stderr
        part = Part("nginx", [program, "-c", config, "-g", "daemon off;"], {}, folder / "nginx.out")
        leaving.callback(part.kill)
        part.start()
        client = httpx2.Client(
            base_url=f"https://{listens}",
            headers={"Host": HOST_NAME},
            transport=httpx2.HTTPTransport(verify=False, local_address=CLIENTS_ADDRESS),
            timeout=60,
        )
        leaving.enter_context(client)
        until(lambda: answers(client), "nginx answers")
        sign_in(client, credentials)
        yield Behind(servers, client, folder)


def answers(client: httpx2.Client) -> bool:
    try:
        return client.get("/readyz").is_success
    except httpx2.TransportError:
        return False


def sign_in(client: httpx2.Client, credentials: Credentials) -> None:
    token = client.post("/api/authWithApiKey", json=credentials).json()["token"]
    client.headers["Authorization"] = f"Bearer {token}"


def test_what_is_sent_again_is_answered_200_with_the_id_of_the_first_time(behind: Behind) -> None:
    first = behind.send("again")
    again = [behind.send("again") for _ in range(3)]
    assert first.status_code == 201
    assert [answer.status_code for answer in again] == [200] * 3
    assert {answer.json()["interactionId"] for answer in again} == {first.json()["interactionId"]}


def test_no_upload_and_no_playback_is_stored_on_the_disk_of_the_proxy(behind: Behind) -> None:
    media = tone() + bytes(8 * MIB)
    assert behind.send("large", media).status_code == 201
    played = behind.post(
        "/client/recording.playBackByThirdPartyId", {"thirdPartyId": "large", "format": "raw"}
    )
    assert played.content == media
    assert [file for file in behind.folder.glob("nginx-*/**/*") if file.is_file()] == []
    assert "temporary file" not in (behind.folder / "nginx.log").read_text()


def test_uploads_that_are_refused_get_their_refusal_and_take_no_server_out(behind: Behind) -> None:
    signed_in = behind.client.headers["Authorization"]
    for size in (1, 8 * MIB, 200_000) * 5:
        behind.client.headers["Authorization"] = "Bearer of nothing"
        assert behind.send("refused", bytes(size)).status_code == 401
        behind.client.headers["Authorization"] = signed_in
        assert "refused" not in behind.found()


def test_the_audit_log_names_the_clients_address(behind: Behind) -> None:
    interaction_id = behind.send("looked at").json()["interactionId"]
    behind.post("/client/recording.detail.get", {"interactionIds": [interaction_id]})
    [*_, last] = behind.post("/client/recording/audit", {"recordingId": interaction_id}).json()
    assert last["ipAddress"] == CLIENTS_ADDRESS


def test_a_media_url_leads_back_to_the_proxy(behind: Behind) -> None:
    interaction_id = behind.send("heard").json()["interactionId"]
    made = behind.post(f"/client/recording/{interaction_id}/media-url", {"format": "raw"}).json()["url"]
    assert made.startswith(f"https://{HOST_NAME}/api/")
    assert behind.client.get(made.removeprefix(f"https://{HOST_NAME}")).content == tone()


def test_the_calls_that_the_example_names_exist(behind: Behind) -> None:
    reads = re.search(r"recording\\\.\(([^)]*)\)", documented_example())
    assert reads
    for name in (*reads[1].replace("\\", "").split("|"), "playBackByThirdPartyId"):
        assert behind.client.post(f"/api/client/recording.{name}", json={"x": 1}).status_code == 400, name


def test_metrics_are_not_shown(behind: Behind) -> None:
    assert behind.client.get("/metrics").status_code == 404


def test_the_example_takes_uploads_as_large_as_the_server_does() -> None:
    assert f"client_max_body_size {Settings().max_upload_gib}g;" in documented_example()


def test_clients_do_not_notice_a_server_that_is_gone(behind: Behind) -> None:
    assert [behind.send(name).status_code for name in GONE[:4]] == [201] * 4
    behind.servers[0].process.send_signal(signal.SIGKILL)
    behind.servers[0].process.wait()
    assert [behind.send(name).status_code for name in GONE[4:]] == [201] * 4
    assert sorted(name for name in behind.found() if "gone" in name) == sorted(GONE)
