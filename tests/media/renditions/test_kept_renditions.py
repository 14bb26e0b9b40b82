"""Renditions that the settings name are stored when they have been made as a whole."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, update

from earwitness.archive.integrity.objects import Sample, check, orphans
from earwitness.archive.ledger.ledger import Action
from earwitness.archive.media.key_rotation import destroy
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.vault import media_objects
from earwitness.http.playback import rendering
from earwitness.kernel.settings import SettingError, Settings
from tests.firm import Firm, tone

PLAY = "/client/recording.playBackByThirdPartyId"


@pytest.fixture
def firm(settings: Settings) -> Iterator[Firm]:
    with Firm(replace(settings, kept_renditions=("wav", "mp4"))) as firm:
        firm.ingest(tone(channels=2))
        yield firm


def stored(firm: Firm) -> list[str]:
    with firm.archive.read() as connection:
        return list(connection.scalars(select(media_objects.c.kind).order_by(media_objects.c.id)))


def played(firm: Firm, format_: str, *, streams: bool = False) -> bytes:
    wanted = {"thirdPartyId": "call-1", "format": format_, "streamThrough": streams}
    answer = firm.call("POST", PLAY, wanted)
    assert answer.is_success, answer.text
    return answer.content


def test_the_renditions_of_the_setting_are_made_once_and_no_others_are_kept(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    firm.work()
    whole = played(firm, "wav")
    assert played(firm, "wav-mono") != whole
    assert firm.call("GET", "/client/recording/1/media?format=mp4").is_success
    assert stored(firm) == ["raw", "mp3", "wav", "mp4"]
    with monkeypatch.context() as patch:
        patch.setattr(rendering, "begin_rendition", None)
        assert played(firm, "wav") == played(firm, "wav", streams=True) == whole
    assert [one.damage for one in check(firm.archive, Sample("")) if one.damage] == []
    assert list(orphans(firm.archive)) == []


def test_two_calls_that_make_a_rendition_at_once_keep_one(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = rendering.store_rendition

    def late(*given: Any) -> bool:
        monkeypatch.setattr(rendering, "store_rendition", store)
        played(firm, "wav", streams=True)
        return store(*given)

    monkeypatch.setattr(rendering, "store_rendition", late)
    assert played(firm, "wav") == played(firm, "wav")
    assert stored(firm) == ["raw", "wav"]
    assert list(orphans(firm.archive)) == []


def test_a_rendition_is_not_kept_if_the_key_was_destroyed_meanwhile(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = rendering.store_rendition

    def late(*given: Any) -> bool:
        with firm.archive.write() as connection:
            connection.execute(update(recordings).values(retain_until=0))
        destroy(firm.archive, 1, Action("CLI", "earwitness key destroy", "Destroy key", "operator", ""))
        return store(*given)

    monkeypatch.setattr(rendering, "store_rendition", late)
    assert played(firm, "wav")
    assert stored(firm) == []
    assert list(orphans(firm.archive)) == []


def test_the_setting_refuses_an_unknown_rendition() -> None:
    assert Settings.from_environment({"EARWITNESS_KEPT_RENDITIONS": "wav, mp4"}).kept_renditions == (
        "wav",
        "mp4",
    )
    with pytest.raises(SettingError, match="no rendition ogg"):
        Settings.from_environment({"EARWITNESS_KEPT_RENDITIONS": "wav,ogg"})
