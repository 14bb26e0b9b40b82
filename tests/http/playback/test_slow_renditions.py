"""A rendition that takes long is answered in time, and only so many are made at once."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from httpx2 import Response
from sqlalchemy import select

from earwitness.archive.media.playable import MediaObject, playable_at
from earwitness.archive.schema.recordings import recordings
from earwitness.http.playback.held_renditions import HeldRenditions
from earwitness.http.playback.rendering import RenditionRequest, make_rendition
from earwitness.kernel.errors import Unavailable
from tests.api.playing import MEDIA, PLAY, get
from tests.api.serving import client_of
from tests.firm import Firm
from tests.http.playback.changed_servers import changed_server_of
from tests.waiting import until


class SlowMaking:
    """Makes renditions, but only once it may go on."""

    def __init__(self) -> None:
        self.may_go_on = threading.Event()
        self.made: list[str] = []

    @contextmanager
    def make(self, request: RenditionRequest) -> Iterator[MediaObject]:
        assert self.may_go_on.wait(60)
        with make_rendition(request) as stored:
            self.made.append(stored.name)
            yield stored


@pytest.mark.parametrize("way", ["whole", "by a player"])
def test_a_rendition_that_takes_long_is_made_all_the_same(firm: Firm, way: str) -> None:
    recording_id = firm.ingest(MEDIA)
    slow = SlowMaking()
    renditions = HeldRenditions(first_byte_seconds=0, make=slow.make)
    firm.app.state.installation = replace(firm.app.state.installation, renditions=renditions)

    def ask() -> Response:
        if way == "whole":
            return firm.call("POST", PLAY, {"thirdPartyId": "call-1", "format": "wav"})
        return get(firm, recording_id, "wav")

    for _ in range(2):
        refused = ask()
        assert (refused.status_code, refused.json()["code"]) == (503, "rendition-in-the-making")
        assert "streamThrough" in refused.json()["detail"]
        assert int(refused.headers["Retry-After"]) > 0
    slow.may_go_on.set()
    until(lambda: ask().status_code == 200, "it is made")
    assert ask().content[44:] == MEDIA[44:]
    assert len(slow.made) == 1
    renditions.close()  # later tests of this process look for media that is still open


def test_no_more_renditions_are_made_at_once_than_there_are_places(firm: Firm) -> None:
    recording_id = firm.ingest(MEDIA)
    slow = SlowMaking()
    renditions = HeldRenditions(places=1, first_byte_seconds=0, make=slow.make)
    with changed_server_of(firm, renditions=renditions) as base_url, client_of(firm, base_url) as client:

        def ask(format_: str) -> Response:
            return client.get(f"/client/recording/{recording_id}/media", params={"format": format_})

        assert ask("wav").json()["code"] == "rendition-in-the-making"
        assert ask("mp4").json()["code"] == "conversions-taken"
        slow.may_go_on.set()
        until(lambda: ask("wav").status_code == 200, "the first is made")
        until(lambda: ask("mp4").status_code == 200, "the second is made")


def test_where_the_system_gives_no_thread_no_place_is_lost(firm: Firm) -> None:
    firm.ingest(MEDIA)
    with firm.archive.read() as connection:
        playable = playable_at(connection, connection.scalars(select(recordings.c.position)).one())
    limits = firm.app.state.installation.limits
    key = playable.key(firm.archive.vault)
    request = RenditionRequest(firm.archive, playable, key, "wav", limits, keep=False)
    renditions = HeldRenditions(places=1)
    before = threading.stack_size(1 << 46)  # more than the system gives
    try:
        with pytest.raises(Unavailable, match="Too many recordings"), renditions.use(request):
            pass
    finally:
        threading.stack_size(before)
    with renditions.use(request) as made:
        assert made.kind == "wav"
    renditions.close()
