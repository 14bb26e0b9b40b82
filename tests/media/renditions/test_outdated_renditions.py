"""Stored renditions of an earlier decoder version are made again once, when they are next requested."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, update

from earwitness.archive.integrity.objects import Sample, check, orphans
from earwitness.archive.media.playable import playable_at
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.vault import media_objects
from earwitness.http.playback.rendering import RenditionRequest, stream_rendition
from earwitness.ingest.steps.reprocess import queue_again
from earwitness.kernel.errors import StorageFull
from earwitness.kernel.settings import Settings
from earwitness.media.vault import SealedUpload
from tests.firm import Firm, tone
from tests.media.hearing import hear

PLAY = "/client/recording.playBackByThirdPartyId"


@pytest.fixture
def firm(settings: Settings) -> Iterator[Firm]:
    """A firm with a recording that an earlier decoder version measured, and its stored mp3 and wav."""
    with Firm(replace(settings, kept_renditions=("wav",))) as firm:
        firm.ingest(tone(channels=2))
        firm.work()
        play(firm, "wav")
        with firm.archive.write() as connection:
            found = connection.scalars(select(recordings.c.measurement)).one()
            earlier = found | {"decoder_version": found["decoder_version"] - 1}
            connection.execute(update(recordings).values(measurement=earlier))
        yield firm


def play(firm: Firm, format_: str, *, streams: bool = False) -> bytes:
    answer = firm.call("POST", PLAY, {"thirdPartyId": "call-1", "format": format_, "streamThrough": streams})
    assert answer.is_success, answer.text
    return answer.content


def seek(firm: Firm, format_: str) -> bytes:
    headers = firm.headers() | {"Range": "bytes=0-99"}
    answer = firm.client.get(f"/api/client/recording/1/media?format={format_}", headers=headers)
    assert answer.status_code == 206, answer.text
    return answer.content


def stored(firm: Firm) -> dict[str, str]:
    with firm.archive.read() as connection:
        return {row.kind: row.name for row in connection.execute(select(media_objects))}


def is_sound(firm: Firm) -> bool:
    damaged = [one.damage for one in check(firm.archive, Sample("")) if one.damage]
    return not damaged and not list(orphans(firm.archive))


@pytest.mark.parametrize("format_", ["mp3", "wav"])
@pytest.mark.parametrize("way", ["whole", "as it is made", "by a player"])
def test_an_outdated_rendition_is_made_again_once_and_replaced(firm: Firm, format_: str, way: str) -> None:
    ask: dict[str, Any] = {
        "whole": lambda: play(firm, format_),
        "as it is made": lambda: play(firm, format_, streams=True),
        "by a player": lambda: seek(firm, format_),
    }
    before = stored(firm)
    first = ask[way]()
    after = stored(firm)
    assert {kind for kind in before if before[kind] != after[kind]} == {format_}
    assert [ask[each]()[:100] for each in ask] == [first[:100]] * 3
    assert stored(firm) == after
    assert len(hear(play(firm, format_)).sides[0]) == 8000
    assert is_sound(firm)


def test_a_client_that_leaves_early_does_not_replace_the_old_rendition(firm: Firm) -> None:
    before = stored(firm)
    with firm.archive.read() as connection:
        playable = playable_at(connection, connection.scalars(select(recordings.c.position)).one())
    key = playable.key(firm.archive.vault)
    limits = firm.app.state.installation.limits
    request = RenditionRequest(firm.archive, playable, key, "wav", limits, keep=True)
    with stream_rendition(request) as chunks:
        next(chunks)
    assert stored(firm) == before
    assert is_sound(firm)


def test_on_a_full_disk_a_rendition_is_still_streamed(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    before, whole = stored(firm), play(firm, "wav-mono")

    def full(*_: Any) -> None:
        raise StorageFull("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(SealedUpload, "write", full)
        assert len(hear(play(firm, "wav", streams=True)).sides[0]) == len(hear(whole).sides[0])
    assert stored(firm) == before
    assert is_sound(firm)


def test_measuring_again_removes_renditions_that_are_outdated(firm: Firm) -> None:
    before = stored(firm)
    with firm.archive.write() as connection:
        queue_again(connection, "measure")
    firm.work()
    after = stored(firm)
    assert set(after) == {"raw", "mp3"}
    assert after["mp3"] != before["mp3"]
    assert is_sound(firm)
    play(firm, "mp3")
    assert stored(firm) == after
