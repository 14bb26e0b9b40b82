"""Sending a recording: it is taken as a whole or not at all, and once even if it is sent again."""

import json
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from httpx2 import Response

from earwitness.kernel.settings import Settings
from tests.api.serving import server_of
from tests.firm import Firm, call, tone
from tests.waiting import until

BOUNDARY = "the-boundary"


def part(name: str, content: bytes, *headers: str) -> bytes:
    lines = [f"--{BOUNDARY}", f'Content-Disposition: form-data; name="{name}"', *headers, "", ""]
    return "\r\n".join(lines).encode() + content + b"\r\n"


METADATA = part("metadata", json.dumps(call()).encode())
END = f"--{BOUNDARY}--\r\n".encode()


def media_part(content: bytes, file_name: str = "call.wav") -> bytes:
    header = f'Content-Disposition: form-data; name="media"; filename="{file_name}"'
    return f"--{BOUNDARY}\r\n{header}\r\n\r\n".encode() + content + b"\r\n"


def send(firm: Firm, *body: bytes, **headers: str) -> Response:
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return firm.client.post(
        "/api/ingest/recording", content=b"".join(body), headers=firm.headers() | kind | headers
    )


def raw(firm: Firm, third_party_id: str = "call-1") -> bytes:
    wanted = {"thirdPartyId": third_party_id, "format": "raw"}
    response = firm.call("POST", "/client/recording.playBackByThirdPartyId", wanted)
    assert response.is_success, response.text
    return response.content


def leftovers(firm: Firm) -> list[str]:
    """The media files that belong to no recording."""
    folder = firm.settings.data / "accounts"
    return [str(path) for path in folder.glob("*/media/**/*") if path.is_file()]


def errors(response: Response) -> list[str]:
    return [error["path"] for error in response.json()["errors"]]


@pytest.mark.parametrize("metadata_first", [True, False])
def test_the_parts_come_in_either_order(firm: Firm, metadata_first: bool) -> None:
    media = tone(0.5)
    parts = [METADATA, media_part(media)]
    response = send(firm, *(parts if metadata_first else parts[::-1]), END)
    assert response.status_code == 201, response.text
    assert response.json() == {"interactionId": 1, "thirdPartyId": "call-1", "status": "received"}
    assert raw(firm) == media


def test_a_recording_without_media_is_processed_at_once(firm: Firm) -> None:
    response = send(firm, METADATA, END)
    assert response.status_code == 201
    assert response.json()["status"] == "processed"
    (found,) = firm.post("/client/recording.search", {})["recordings"]
    assert found["mediaAccessStatus"] == "Unavailable"


def test_texts_without_words_are_taken_and_found(firm: Firm) -> None:
    firm.ingest(thirdPartyId="--", source="", endpoints=[{"type": "email", "endpoint": "-"}])
    assert firm.search() == firm.search(freeText="-word") == ["--"]


def test_an_acknowledged_recording_is_found_and_played_before_it_is_processed(firm: Firm) -> None:
    media = tone(0.5)
    firm.ingest(media)
    assert firm.search() == ["call-1"]
    assert raw(firm) == media


def test_wrong_parts_are_named(firm: Firm) -> None:
    wrong: dict[tuple[bytes, ...], list[str]] = {
        (METADATA, METADATA): ["metadata"],
        (media_part(b"a"), METADATA, media_part(b"a")): ["media"],
        (METADATA, part("transcript", b"{}")): ["transcript"],
        (media_part(b"a"),): ["metadata"],
        (): ["metadata"],
        (part("metadata", b"{}"),): ["thirdPartyId", "type", "startDatetimeUTC", "endpoints"],
    }
    for body, named in wrong.items():
        response = send(firm, *body, END)
        assert response.status_code == 400, response.text
        assert errors(response) == named
        assert leftovers(firm) == []
    assert firm.search() == []


def test_a_body_that_is_cut_off_or_malformed_is_refused_whole(firm: Firm) -> None:
    cut_off = METADATA + media_part(b"a" * 100)[:-50]
    for body in (METADATA, cut_off, b"", b"not multipart", METADATA.replace(b"\r", b"")):
        assert send(firm, body).status_code == 400, body
        assert leftovers(firm) == []
    assert firm.search() == []


def test_another_content_type_is_not_taken(firm: Firm) -> None:
    for kind in ("application/json", "multipart/form-data", "text/plain", ""):
        response = send(firm, METADATA, END, **{"Content-Type": kind})
        assert response.status_code == 415, (kind, response.text)


def test_the_metadata_part_may_have_a_content_type(firm: Firm) -> None:
    body = part("metadata", json.dumps(call()).encode(), "Content-Type: application/json; charset=utf-8")
    assert send(firm, body, END).status_code == 201


def test_a_file_name_is_never_a_path(firm: Firm) -> None:
    before = {path.name for path in firm.settings.data.rglob("*")}
    for file_name in ("../../../../etc/passwd", "/etc/passwd", "..", "a/b", "x\\y", ""):
        metadata = part("metadata", json.dumps(call(thirdPartyId=f"call {file_name}")).encode())
        assert send(firm, metadata, media_part(b"audio", file_name), END).status_code == 201
        assert raw(firm, f"call {file_name}") == b"audio"
    new = {path.name for path in firm.settings.data.rglob("*")} - before
    ours = (
        r"accounts|[0-9]+|[0-9a-f]{2}|[0-9a-f]{28}|media|incoming|earwitness-store|receipts|current"
        r"|.*\.db-(wal|shm)"
    )
    assert all(re.fullmatch(ours, name) for name in new)


def test_an_aborted_upload_leaves_nothing_behind(firm: Firm) -> None:
    head = (
        "POST /api/ingest/recording HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        f"Authorization: {firm.headers()['Authorization']}\r\n\r\n"
    )
    with server_of(firm) as base_url:
        port = httpx2.URL(base_url).port
        with socket.create_connection(("127.0.0.1", port or 0)) as connection:
            connection.sendall(head.encode() + METADATA + media_part(b"a" * 5_000_000))
            until(lambda: leftovers(firm), "it has begun to be written")
        until(lambda: not leftovers(firm), "what was written is gone")
    assert firm.search() == []
    assert firm.send(call(), b"the whole").status_code == 201


# The same recording is taken once, however often it is sent.


def test_the_same_recording_again_answers_the_same_id(firm: Firm) -> None:
    media = tone(0.5)
    first = firm.send(call(), media)
    again = firm.send(dict(reversed(call().items())), media)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert len(leftovers(firm)) == 1
    firm.work()
    later = firm.send(call(), media)
    assert (later.status_code, later.json()["status"]) == (200, "processed")


def test_another_recording_of_the_same_id_is_refused_and_changes_nothing(firm: Firm) -> None:
    original = tone(0.5)
    firm.ingest(original)
    others: list[tuple[dict[str, Any], bytes | None]] = [
        (call(source="another"), original),
        (call(), tone(0.5, hertz=880)),
        (call(), None),
        (call(), b""),
    ]
    for metadata, media in others:
        response = firm.send(metadata, media)
        assert response.status_code == 409, response.text
        assert "call-1" in response.json()["detail"]
    assert raw(firm) == original
    assert len(leftovers(firm)) == 1
    (found,) = firm.post("/client/recording.search", {})["recordings"]
    assert found["source"] == ""


def test_of_many_copies_sent_at_once_one_is_new(firm: Firm) -> None:
    media = tone(0.2)
    firm.token()
    with ThreadPoolExecutor(4) as pool:
        responses = list(pool.map(lambda _: firm.send(call(), media), range(4)))
    assert sorted(response.status_code for response in responses) == [200, 200, 200, 201]
    assert {response.json()["interactionId"] for response in responses} == {1}
    assert len(leftovers(firm)) == 1


def test_different_recordings_at_once_share_endpoints_and_people(firm: Firm) -> None:
    firm.token()
    with ThreadPoolExecutor(4) as pool:
        sent = [call(thirdPartyId=f"call-{number}", tags=["new"]) for number in range(8)]
        responses = list(pool.map(firm.send, sent))
    assert [response.status_code for response in responses] == [201] * 8
    assert sorted(response.json()["interactionId"] for response in responses) == list(range(1, 9))
    page = firm.post("/client/recording.search", {})
    shown = {str([part["endpoint"] for part in found["endpoints"]]) for found in page["recordings"]}
    assert len(shown) == 1


# Limits of size


def test_more_than_the_limit_is_refused_before_it_is_read(firm: Firm) -> None:
    response = send(firm, METADATA, END, **{"Content-Length": str((8 << 30) + 1)})
    assert response.status_code == 413, response.text
    assert "8 GiB" in response.json()["detail"]


def test_more_than_the_limit_is_refused_without_a_content_length(settings: Settings) -> None:
    with Firm(replace(settings, max_upload_gib=0)) as firm:

        def body() -> Iterator[bytes]:
            yield METADATA
            yield media_part(b"a" * 1000)
            yield END

        kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        response = firm.client.post("/api/ingest/recording", content=body(), headers=firm.headers() | kind)
        assert response.status_code == 413, response.text
        assert firm.search() == []
        assert leftovers(firm) == []


def test_a_large_transcript_is_taken(firm: Firm) -> None:
    segments = [{"text": f"word{number} " * 30, "start": number, "end": number + 1} for number in range(8000)]
    firm.ingest(transcript={"language": "en", "segments": segments})
    assert firm.search(freeText="word7999") == ["call-1"]
