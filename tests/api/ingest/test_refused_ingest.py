"""A refused upload is in the audit log of the recording that it named."""

import json
from typing import Any

import pytest

from earwitness.kernel.rights import Right, Role
from tests.firm import ADMIN, Firm, call, tone

RECORDER = "recorder@example.com"
VIEWER = "viewer@example.com"


def rows(firm: Firm, recording_id: int) -> list[tuple[str, str, int]]:
    """Who sent it again and with which status, by the audit log."""
    log = firm.post("/client/recording/audit", {"recordingId": recording_id})
    return [
        (row["username"], row["description"], row["responseCode"])
        for row in log[1:]
        if row["route"] == "/ingest/recording"
    ]


def send_parts(firm: Firm, *parts: tuple[str, Any], as_user: str = ADMIN) -> int:
    files = [(name, (None if name == "metadata" else "call.wav", content)) for name, content in parts]
    response = firm.client.post("/api/ingest/recording", files=files, headers=firm.headers(as_user))
    return response.status_code


def test_a_different_recording_is_refused_and_audited(firm: Firm) -> None:
    firm.add_user(RECORDER, [Role.RECORDER])
    recording_id = firm.ingest(tone(0.1))
    assert firm.send(call(), tone(0.2), as_user=RECORDER).status_code == 409
    assert firm.send(call(source="another"), tone(0.1)).status_code == 409
    assert firm.send(call(), tone(0.1)).status_code == 200
    told = "Ingest recording"
    assert rows(firm, recording_id) == [(RECORDER, told, 409), (ADMIN, told, 409)]


@pytest.mark.parametrize("wrong", [{"type": "No type"}, {"startDatetimeUTC": "soon"}, {"unknown": 1}])
def test_a_refusal_of_wrong_metadata_is_audited_by_its_id(firm: Firm, wrong: dict[str, Any]) -> None:
    recording_id = firm.ingest()
    assert firm.send(call(**wrong)).status_code == 400
    assert firm.send(call(**wrong, thirdPartyId="no-such-call")).status_code == 400
    assert rows(firm, recording_id) == [(ADMIN, "Ingest recording", 400)]


def test_a_refusal_of_wrong_parts_is_audited_by_the_metadata_before_them(firm: Firm) -> None:
    recording_id = firm.ingest()
    metadata = ("metadata", json.dumps(call()).encode())
    assert send_parts(firm, metadata, metadata) == 400
    assert send_parts(firm, metadata, ("video", b"x")) == 400
    assert send_parts(firm, ("video", b"x"), metadata) == 400, "nothing was named when it was refused"
    assert rows(firm, recording_id) == [(ADMIN, "Ingest recording", 400)] * 2


@pytest.mark.parametrize("metadata", [b"", b"{", b"[]", b"3", b'{"thirdPartyId": ["call-1"]}', b"\xff"])
def test_a_refusal_that_names_no_recording_is_not_audited(firm: Firm, metadata: bytes) -> None:
    recording_id = firm.ingest()
    assert send_parts(firm, ("metadata", metadata)) == 400
    assert send_parts(firm, ("media", b"x")) == 400
    assert rows(firm, recording_id) == []


def test_a_refusal_for_lack_of_the_right_is_audited(firm: Firm) -> None:
    firm.add_user(VIEWER, [Right.RECORDING_VIEW])
    recording_id = firm.ingest(tone(0.1))
    assert firm.send(call(), tone(0.1), as_user=VIEWER).status_code == 403
    assert rows(firm, recording_id) == [(VIEWER, "Ingest recording", 403)]
    assert firm.search() == ["call-1"]
