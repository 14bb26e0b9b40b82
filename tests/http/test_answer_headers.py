"""Headers of all answers: no browser guesses a type, and no cache stores data of an account."""

import pytest

from tests.firm import Firm, tone

pytestmark = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)  # no database has a part in it


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("GET", "/readyz", 200),
        ("GET", "/metrics", 403),
        ("GET", "/api/schema", 200),
        ("GET", "/api/schema/openapi.json", 200),
        ("HEAD", "/api/schema", 200),
        ("OPTIONS", "/api/client/recording.search", 204),
        ("GET", "/nowhere", 404),
        ("GET", "/api/client/recording.search", 405),
        ("POST", "/api/client/recording.search", 401),
        ("POST", "/api/authWithApiKey", 400),
    ],
)
def test_every_answer_forbids_browsers_to_guess_its_type(
    firm: Firm, method: str, path: str, status: int
) -> None:
    answered = firm.client.request(method, path, headers={"X-Forwarded-For": "192.0.2.1"})
    assert answered.status_code == status
    assert answered.headers["x-content-type-options"] == "nosniff"
    is_open = path in {"/healthz", "/readyz", "/api/schema", "/api/schema/openapi.json"}
    assert answered.headers.get("cache-control") == (None if is_open else "no-store")


def test_no_cache_stores_data_of_an_account(firm: Firm) -> None:
    recording_id = firm.ingest(tone())
    media = f"/client/recording/{recording_id}/media"
    answers = [
        firm.client.post("/api/authWithApiKey", json={"clientId": 1, "username": "x", "apiKey": "x"}),
        firm.client.post("/api/auth/refresh", json={"refreshToken": "x"}),
        firm.call("POST", "/client/recording.search", {}),
        firm.call("POST", "/client/recording.getRecordingDetail", {"recordingId": recording_id}),
        firm.call("POST", f"{media}-url", {"format": "raw"}),
        firm.call("GET", "/admin/tag"),
        firm.call("GET", media, params={"format": "raw"}),
        firm.call("HEAD", media, params={"format": "raw"}),
        firm.call(
            "POST", "/client/recording.playBackByThirdPartyId", {"thirdPartyId": "call-1", "format": "raw"}
        ),
        firm.send({}),
    ]
    for answered in answers:
        assert "no-store" in answered.headers["cache-control"], answered.request.url
        assert answered.headers["x-content-type-options"] == "nosniff"
    assert firm.client.post("/api/authWithApiKey", json={}).headers["cache-control"] == "no-store"


def test_a_player_still_asks_whether_it_has_the_media(firm: Firm) -> None:
    path = f"/api/client/recording/{firm.ingest(tone())}/media"
    first = firm.client.get(path, params={"format": "raw"}, headers=firm.headers())
    again = firm.client.get(
        path, params={"format": "raw"}, headers=firm.headers() | {"If-None-Match": first.headers["etag"]}
    )
    assert (first.status_code, again.status_code) == (200, 304)
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["x-content-type-options"] == "nosniff"
