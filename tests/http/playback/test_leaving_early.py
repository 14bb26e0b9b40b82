import gc
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from earwitness.archive.ledger import ledger
from earwitness.media.streaming import DecryptingReader
from tests.api.serving import client_of, server_of
from tests.firm import Firm
from tests.media.samples import wav_of

LARGE = wav_of(bytes(8 << 20), 48_000, 2)
"""More than a connection buffers."""

PLAY = "client/recording.playBackByThirdPartyId"


def media(recording_id: int, format_: str) -> tuple[str, str, dict[str, Any]]:
    return "GET", f"client/recording/{recording_id}/media", {"params": {"format": format_}}


def play_back(_recording_id: int, format_: str) -> tuple[str, str, dict[str, Any]]:
    sent = {"thirdPartyId": "call-1", "format": format_, "streamThrough": True}
    return "POST", PLAY, {"json": sent}


@pytest.mark.parametrize("format_", ["raw", "wav"])
@pytest.mark.parametrize("door", [media, play_back])
def test_an_answer_that_its_client_leaves_is_freed_and_not_finished(
    firm: Firm, door: Any, format_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    method, path, sent = door(firm.ingest(LARGE), format_)
    if format_ == "wav":  # its length is known, and nothing need be heard before it is sent
        firm.work()
    decrypted: list[int] = []
    chunks = DecryptingReader.chunks

    def counted(reader: DecryptingReader, start: int, stop: int) -> Iterator[bytes]:
        for chunk in chunks(reader, start, stop):
            decrypted.append(len(chunk))
            yield chunk

    with server_of(firm) as base_url, client_of(firm, base_url) as client:
        if door is media:  # a rendition for a player is made before anything of it is sent
            client.request(method, path, **sent | {"headers": {"Range": "bytes=0-9"}})
        monkeypatch.setattr(DecryptingReader, "chunks", counted)
        with client.stream(method, path, **sent) as response:
            assert response.status_code == 200
            next(response.iter_raw())
    assert 0 < sum(decrypted) < len(LARGE) * 0.8
    assert open_media() == []
    assert len(decoders()) <= 1, "beside the one process that waits for the next decoding"


@pytest.mark.parametrize("streams", [False, True])
def test_a_play_that_the_ledger_cannot_record_is_freed_and_not_sent(
    firm: Firm, streams: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    firm.ingest(LARGE)

    def locked(*_: Any) -> None:
        raise OperationalError("", {}, Exception("locked"))

    monkeypatch.setattr(ledger, "append_access", locked)
    firm.headers()
    gc.disable()  # the collector must not be what frees them
    try:
        for _ in range(2):
            sent = {"thirdPartyId": "call-1", "format": "wav", "streamThrough": streams}
            assert firm.call("POST", f"/{PLAY}", sent).status_code == 503
        firm.app.state.installation.renditions.close()  # it holds renditions for later requests
        assert open_media() == []
        assert len(decoders()) <= 1, "beside the one process that waits for the next decoding"
    finally:
        gc.enable()


def open_media() -> list[str]:
    """The stored objects that this process has open."""
    opened = []
    for fd in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            opened.append(str(fd.readlink()))
    return [target for target in opened if "/media/" in target]


def decoders() -> list[str]:
    """The decoding processes that this one has started."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
            if (
                parent == str(os.getpid())
                and "earwitness.media.decoding" in (process / "cmdline").read_text()
            ):
                found.append(process.name)
    return found
