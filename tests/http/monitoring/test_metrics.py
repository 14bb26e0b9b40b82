"""What the server counts, and who may read it."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update

from earwitness.archive.schema.work import jobs
from earwitness.http.playback.held_renditions import HeldRenditions
from earwitness.http.playback.rendition_room import RenditionRoom, RoomLimits
from earwitness.kernel.errors import StorageFull
from earwitness.kernel.settings import Settings
from earwitness.media.stores.disk import DiskStore
from tests.api.serving import server_of
from tests.cli.running import running
from tests.firm import Firm, call, tone
from tests.waiting import until

TOKEN = "a token for metrics"


@pytest.fixture
def firm(settings: Settings) -> Iterator[Firm]:
    with Firm(replace(settings, metrics_token=TOKEN)) as firm:
        yield firm


def read(text: str) -> dict[tuple[str, ...], float]:
    """Each sample by its name and the values of its labels, in the order of their names."""
    return {
        (sample.name, *(sample.labels[label] for label in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scrape(firm: Firm) -> dict[tuple[str, ...], float]:
    answer = firm.client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return read(answer.text)


def test_other_machines_read_metrics_only_with_the_token(firm: Firm) -> None:
    assert firm.client.get("/metrics").status_code == 403
    for given in ("Bearer wrong", "Bearer", f"Basic {TOKEN}", f"Bearer {firm.token()}"):
        assert firm.client.get("/metrics", headers={"Authorization": given}).status_code == 403
    assert scrape(firm)


def test_without_a_token_in_the_settings_other_machines_read_no_metrics(settings: Settings) -> None:
    with Firm(settings) as firm:
        for given in ("Bearer ", "Bearer", "Bearer None"):
            assert firm.client.get("/metrics", headers={"Authorization": given}).status_code == 403


def test_the_same_machine_needs_no_token_but_a_proxy_on_it_does(firm: Firm) -> None:
    with server_of(firm) as base_url:
        url = base_url.replace("/api", "/metrics")
        assert httpx2.get(url).status_code == 200
        for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
            assert httpx2.get(url, headers={name: "127.0.0.1"}).status_code == 403


def test_requests_are_counted_by_the_route_and_never_by_the_path(firm: Firm) -> None:
    route = "/api/ingest/recording/{thirdPartyId}/transcript"
    for name in ("secret-1", "secret-2"):
        assert firm.call("PUT", f"/ingest/recording/{name}/transcript", {"segments": []}).status_code == 404
    firm.client.get("/no/such/path-3")
    counted = scrape(firm)
    assert counted["earwitness_requests_total", "PUT", route, "404"] == 2
    assert counted["earwitness_request_seconds_count", "PUT", route, "404"] == 2
    assert counted["earwitness_requests_total", "GET", "unmatched", "404"] == 1
    assert not any("secret" in part or "path-3" in part for sample in counted for part in sample)


def test_bytes_are_counted_as_they_come_and_go(firm: Firm) -> None:
    media = tone(3.0)
    firm.ingest(media)
    play = {"thirdPartyId": "call-1", "format": "raw", "streamThrough": True}
    assert firm.call("POST", "/client/recording.playBackByThirdPartyId", play).content == media
    counted = scrape(firm)
    assert counted["earwitness_received_bytes_total", "/api/ingest/recording"] > len(media)
    played = counted["earwitness_sent_bytes_total", "/api/client/recording.playBackByThirdPartyId"]
    assert played == len(media)


def test_recordings_and_jobs_are_counted_whoever_made_them(firm: Firm) -> None:
    for number in range(3):
        firm.ingest(tone(), thirdPartyId=f"call-{number}")
    firm.ingest(thirdPartyId="without media")
    with firm.archive.write() as connection:
        connection.execute(update(jobs).where(jobs.c.id == 1).values(state="dead"))
        connection.execute(update(jobs).where(jobs.c.id == 2).values(queued_at=jobs.c.queued_at - 90_000))
    counted = scrape(firm)
    assert counted["earwitness_database_up",] == 1
    assert counted["earwitness_recordings_received",] == 4
    assert counted["earwitness_jobs", "queued"] == 2
    assert counted["earwitness_jobs", "running"] == 0
    assert counted["earwitness_jobs", "dead"] == 1
    assert 90 <= counted["earwitness_oldest_queued_job_age_seconds",] < 600
    assert counted["earwitness_disk_free_bytes",] > 0
    firm.work()
    counted = scrape(firm)
    assert counted["earwitness_jobs", "queued"] == counted["earwitness_oldest_queued_job_age_seconds",] == 0


def test_what_is_refused_for_a_limit_is_counted_by_its_code(firm: Firm) -> None:
    firm.ingest(tone(2.0))
    installation = firm.app.state.installation
    for limits in (RoomLimits(rendition_bytes=1000), RoomLimits(total_bytes=4000)):
        with_limits = replace(installation, renditions=HeldRenditions(room=RenditionRoom(limits)))
        firm.app.state.installation = with_limits
        assert not firm.call("GET", "/client/recording/1/media?format=wav").is_success
    counted = scrape(firm)
    assert counted["earwitness_failures_total", "rendition-too-large"] == 1
    assert counted["earwitness_failures_total", "renditions-full"] == 1


def test_failures_are_counted_by_their_code(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: DiskStore) -> Any:
        raise StorageFull("The disk is full.")

    monkeypatch.setattr(DiskStore, "new", refuse)
    assert firm.send(call(), tone()).status_code == 507
    assert firm.call("POST", "/client/recording.search", {"page": 0}).status_code == 400
    counted = scrape(firm)
    assert {sample[1:]: value for sample, value in counted.items() if "failures" in sample[0]} == {
        ("storage-full",): 1
    }


def test_every_answer_carries_the_id_of_its_request(firm: Firm) -> None:
    for path in ("/healthz", "/no/such", "/api/client/recording.search"):
        assert firm.client.get(path).headers["x-request-id"]
        assert firm.client.get(path, headers={"X-Request-Id": "mine-1"}).headers["x-request-id"] == "mine-1"


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)  # no database has a part in it
def test_processes_that_serve_together_count_together(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}"

    def count() -> int:
        sample = ("earwitness_requests_total", "GET", "/healthz", "200")
        return int(read(httpx2.get(f"{url}/metrics").text).get(sample, 0))

    def answers() -> bool:
        try:
            return httpx2.get(f"{url}/healthz").is_success
        except httpx2.TransportError:
            return False

    with running(settings, "serve", "--port", port, "--workers", 2):
        until(answers, "the server serves", seconds=120)
        before = count()
        for _ in range(30):
            assert httpx2.get(f"{url}/healthz").is_success
        assert [count() for _ in range(10)] == [before + 30] * 10
