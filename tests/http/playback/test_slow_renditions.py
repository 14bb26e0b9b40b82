"""What takes long to be made is answered in time, and there is a bound on how much is made at once."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from httpx2 import Response

from earwitness.archive.media.playable import MediaObject
from earwitness.http.playback import renditions
from tests.api.serving import client_of, server_of
from tests.api.test_media import MEDIA, PLAY, get
from tests.firm import Firm
from tests.waiting import until


@pytest.mark.parametrize("way", ["whole", "by a player"])
def test_what_takes_long_is_made_all_the_same_and_said_meanwhile(
    firm: Firm, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    recording_id = firm.ingest(MEDIA)
    may_go_on, make = threading.Event(), renditions.made
    made: list[str] = []

    @contextmanager
    def slowly(*given: Any, **named: Any) -> Iterator[MediaObject]:
        assert may_go_on.wait(60)
        with make(*given, **named) as stored:
            made.append(stored.name)
            yield stored

    def ask() -> Response:
        if way == "whole":
            return firm.call("POST", PLAY, {"thirdPartyId": "call-1", "format": "wav"})
        return get(firm, recording_id, "wav")

    monkeypatch.setattr(renditions, "made", slowly)
    monkeypatch.setattr(renditions, "FIRST_BYTE_SECONDS", 0)
    for _ in range(2):
        refused = ask()
        assert (refused.status_code, refused.json()["code"]) == (503, "rendition-in-the-making")
        assert "streamThrough" in refused.json()["detail"]
        assert int(refused.headers["Retry-After"]) > 0
    may_go_on.set()
    until(lambda: ask().status_code == 200, "it is made")
    assert ask().content[44:] == MEDIA[44:]
    assert len(made) == 1


def test_no_more_are_made_at_once_than_there_are_places(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    recording_id = firm.ingest(MEDIA)
    may_go_on, make = threading.Event(), renditions.made

    @contextmanager
    def slowly(*given: Any, **named: Any) -> Iterator[MediaObject]:
        assert may_go_on.wait(60)
        with make(*given, **named) as stored:
            yield stored

    monkeypatch.setattr(renditions, "made", slowly)
    monkeypatch.setattr(renditions, "FIRST_BYTE_SECONDS", 0)
    monkeypatch.setattr(renditions, "MAKINGS", 1)
    with server_of(firm) as base_url, client_of(firm, base_url) as client:

        def ask(format_: str) -> Response:
            return client.get(f"/client/recording/{recording_id}/media", params={"format": format_})

        assert ask("wav").json()["code"] == "rendition-in-the-making"
        assert ask("mp4").json()["code"] == "conversions-taken"
        may_go_on.set()
        until(lambda: ask("wav").status_code == 200, "the first is made")
        until(lambda: ask("mp4").status_code == 200, "the second is made")
