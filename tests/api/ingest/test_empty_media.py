"""Media of no bytes is no media, and the real file may come later, in all ways of ingest."""

import json
from pathlib import Path
from typing import Any

import pytest

from earwitness.archive.integrity.objects import orphans
from earwitness.ingest.accept import accept_all
from earwitness.ingest.arrivals import Accepted, Arrival, SealedMedia
from earwitness.ingest.parsed_metadata import parse_body
from earwitness.media.vault import new_recording_key
from tests.cli.running import run_json
from tests.firm import ADMIN, CLIENT_ID, Firm, call, tone
from tests.ingest.folders import ACTION

MEDIA = tone(1.0)


def raw(firm: Firm) -> Any:
    return firm.call(
        "POST", "/client/recording.playBackByThirdPartyId", {"thirdPartyId": "call-1", "format": "raw"}
    )


def put_media(firm: Firm, media: bytes) -> Any:
    return firm.call("PUT", "/ingest/recording/call-1/media", files={"media": ("call.wav", media)})


def access(firm: Firm) -> str:
    (found,) = firm.post("/client/recording.search", {})["recordings"]
    status: str = found["mediaAccessStatus"]
    return status


def keep_media_of_no_bytes(firm: Firm) -> int:
    """Ingest a recording as earlier versions did, which kept media of no bytes."""
    key = new_recording_key()
    with firm.archive.vault.new(key, "raw") as upload:
        metadata = parse_body(json.dumps(call()).encode(), has_media=True)
        arrival = Arrival(metadata, ACTION, SealedMedia(upload.finish(), key))
        with firm.archive.write() as connection:
            [accepted] = accept_all(connection, firm.archive, [arrival])
        upload.keep()
    firm.work()
    assert isinstance(accepted, Accepted)
    return accepted.interaction_id


def test_an_empty_part_is_no_media_and_media_can_come_with_the_same_metadata(firm: Firm) -> None:
    first = firm.send(call(), b"")
    assert (first.status_code, first.json()["status"]) == (201, "processed")
    assert access(firm) == "Unavailable"
    assert raw(firm).json()["code"] == "no-media"
    assert firm.send(call(), b"").status_code == firm.send(call()).status_code == 200
    later = firm.send(call(), MEDIA)
    assert (later.status_code, later.json()) == (200, first.json() | {"status": "received"})
    assert raw(firm).content == MEDIA
    firm.work()
    again = firm.send(call(), MEDIA)
    assert (again.status_code, again.json()["status"]) == (200, "processed")
    assert firm.send(call(), tone(2.0)).status_code == 409
    assert firm.send(call(source="another"), MEDIA).status_code == 409
    assert len(list(orphans(firm.archive))) == 0


def test_late_media_may_be_sent_again_with_its_metadata(firm: Firm) -> None:
    firm.ingest()
    assert put_media(firm, MEDIA).status_code == 200
    assert firm.send(call(), MEDIA).status_code == 200
    assert firm.send(call(), tone(2.0)).status_code == 409


def test_without_an_end_an_empty_part_is_not_enough(firm: Firm) -> None:
    metadata = call()
    del metadata["endDatetimeUTC"]
    refused = firm.send(metadata, b"")
    assert refused.status_code == 400
    assert [error["path"] for error in refused.json()["errors"]] == ["endDatetimeUTC"]
    assert "empty" in refused.json()["detail"]
    assert firm.send(metadata, MEDIA).status_code == 201


def test_late_media_of_no_bytes_is_refused(firm: Firm) -> None:
    firm.ingest()
    refused = put_media(firm, b"")
    assert refused.status_code == 400
    assert refused.json()["errors"] == [
        {"path": "media", "message": "required: expected a file that is not empty"}
    ]
    assert put_media(firm, MEDIA).status_code == 200


@pytest.mark.parametrize("way", ["put", "post"])
def test_a_recording_that_has_media_of_no_bytes_gets_the_real_one(firm: Firm, way: str) -> None:
    interaction_id = keep_media_of_no_bytes(firm)
    assert raw(firm).content == b""
    [empty] = firm.archive.store.names()
    assert firm.send(call(), b"").status_code == 200
    brought = put_media(firm, MEDIA) if way == "put" else firm.send(call(), MEDIA)
    assert (brought.status_code, brought.json()["status"]) == (200, "received")
    assert raw(firm).content == MEDIA
    assert empty not in set(firm.archive.store.names())
    firm.work()
    assert firm.send(call(), MEDIA).json()["status"] == "processed"
    log = firm.post("/client/recording/audit", {"recordingId": interaction_id})
    assert {"added": "media", "removed": [empty]} in [row["metadata"] for row in log]
    assert list(orphans(firm.archive)) == []


def test_an_import_of_an_empty_file_is_run_again_with_the_real_one(firm: Firm, tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text(json.dumps(call(mediaPath="call.wav")))
    (tmp_path / "call.wav").touch()
    assert run_json(firm.settings, "import", CLIENT_ID, manifest)["imported"] == 1
    assert run_json(firm.settings, "import", CLIENT_ID, manifest)["alreadyThere"] == 1
    assert access(firm) == "Unavailable"
    (tmp_path / "call.wav").write_bytes(MEDIA)
    assert run_json(firm.settings, "import", CLIENT_ID, manifest)["imported"] == 1
    assert raw(firm).content == MEDIA
    assert run_json(firm.settings, "import", CLIENT_ID, manifest)["alreadyThere"] == 1


def test_an_import_says_that_a_file_is_empty_if_its_end_is_needed(firm: Firm, tmp_path: Path) -> None:
    manifest, metadata = tmp_path / "manifest.jsonl", call(mediaPath="call.wav")
    del metadata["endDatetimeUTC"]
    manifest.write_text(json.dumps(metadata))
    (tmp_path / "call.wav").touch()
    told = run_json(firm.settings, "import", CLIENT_ID, manifest, exit_code=1)
    assert told["failed"][0]["error"].startswith("mediaPath: is empty, which is no media; endDatetimeUTC: ")


@pytest.mark.parametrize(
    ("method", "path", "sent"),
    [
        ("PUT", "/ingest/recording/call-1/transcript", {"json": {"segments": []}}),
        ("PUT", "/ingest/recording/call-1/media", {"files": {"media": MEDIA}}),
        ("PUT", "/ingest/recording/call-1/codec", {"json": {"codec": "gsm"}}),
        ("POST", "/ingest/recording", {"files": {"metadata": (None, json.dumps(call(source="x")))}}),
        ("POST", "/ingest/recording", {"files": {"metadata": (None, json.dumps(call(thirdPartyId="new")))}}),
        (
            "POST",
            "/ingest/call/start",
            {"json": {"thirdPartyId": "live", "endpoint": {"type": "phone", "endpoint": "447896423595"}}},
        ),
        ("POST", "/ingest/call/end", {"json": {"thirdPartyId": "begun"}}),
    ],
)
def test_users_limited_by_a_policy_cannot_ingest(
    firm: Firm, method: str, path: str, sent: dict[str, Any]
) -> None:
    recording_id = firm.ingest()
    begun = {"thirdPartyId": "begun", "endpoint": {"type": "phone", "endpoint": "447896423595"}}
    firm.post("/ingest/call/start", begun)
    policy = {"name": "Sales", "dataGroups": {"Department": ["Sales"]}}
    assert firm.call("POST", "/admin/accessPolicy", policy).is_success
    limited = {"username": "limited@example.com", "rolesAndRights": ["Recorder"], "policies": ["Sales"]}
    user = firm.post("/admin/user", limited)
    key = firm.post("/admin/apiKey", {"userId": user["id"]})["apiKey"]
    firm.keys["limited@example.com"] = key
    refused = firm.call(method, path, as_user="limited@example.com", **sent)
    assert refused.status_code == 403, refused.text
    assert "access policies" in refused.json()["detail"]
    assert firm.search() == ["call-1"]
    if "call-1" in path:
        log = firm.post("/client/recording/audit", {"recordingId": recording_id})
        assert (log[-1]["username"], log[-1]["responseCode"]) == ("limited@example.com", 403)
    assert firm.call(method, path, as_user=ADMIN, **sent).status_code in {200, 201, 409}
