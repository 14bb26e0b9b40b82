"""What cannot be made within the decoder's limit of time is refused before it is begun, if that is known."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from earwitness.http.playback.rendition_time import RenditionSpeeds
from earwitness.kernel.formats import Format
from tests.api.playing import MEDIA, PLAY, get, rows, url_of
from tests.firm import CLIENT_ID, Firm, tone

HOUR = 3600
CALL: dict[str, Any] = {
    "samples": HOUR * 8_000,
    "video": None,
    "audio": {"channels": 2, "sample_rate": 8_000, "codec": "pcm_alaw"},
}


def lasting(hours: float, **audio: Any) -> dict[str, Any]:
    """The measurement of a call that lasts so long."""
    return CALL | {"samples": int(CALL["samples"] * hours), "audio": CALL["audio"] | audio}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def knowing(firm: Firm, speeds: RenditionSpeeds, *, decoder_seconds: int) -> Iterator[None]:
    """Let the firm's server know these speeds, and have this limit of time."""
    before = firm.app.state.installation
    settings = replace(before.settings, decoder_seconds=decoder_seconds)
    firm.app.state.installation = replace(before, settings=settings, speeds=speeds)
    yield
    firm.app.state.installation = before


def test_the_time_follows_from_the_length_and_what_was_made_before() -> None:
    speeds = RenditionSpeeds()
    assert speeds.expected_seconds(CLIENT_ID, CALL, "mp3") is None
    speeds.learn(CLIENT_ID, CALL, "mp3", 20)
    assert speeds.expected_seconds(CLIENT_ID, lasting(3), "mp3") == pytest.approx(60)
    assert speeds.allow(CLIENT_ID, lasting(3), "mp3", 61)
    assert not speeds.allow(CLIENT_ID, lasting(3), "mp3", 59)


@pytest.mark.parametrize(
    ("measured", "format_"),
    [
        (None, "mp3"),
        (CALL, "wav"),
        (lasting(1, codec="opus"), "mp3"),
        (lasting(1, channels=1), "mp3"),
        (CALL | {"audio": None}, "mp3"),
    ],
)
def test_nothing_is_said_of_what_is_unlike_what_was_made(measured: Any, format_: Format) -> None:
    speeds = RenditionSpeeds()
    speeds.learn(CLIENT_ID, CALL, "mp3", 20)
    assert speeds.expected_seconds(CLIENT_ID, measured, format_) is None
    assert speeds.allow(CLIENT_ID, measured, format_, 0)


def test_a_picture_has_no_estimate_but_its_sound_has() -> None:
    meeting = CALL | {"video": "vp9"}
    speeds = RenditionSpeeds()
    for format_ in ("mp4", "wav"):
        speeds.learn(CLIENT_ID, meeting, format_, 20)
    assert speeds.expected_seconds(CLIENT_ID, meeting, "mp4") is None
    assert speeds.expected_seconds(CLIENT_ID, meeting, "wav") == pytest.approx(20)


def test_a_busy_hour_does_not_refuse_what_was_quick_before_and_is_forgotten_after_it() -> None:
    clock = Clock()
    speeds = RenditionSpeeds(clock=clock)
    speeds.learn(CLIENT_ID, CALL, "mp3", 500)
    speeds.learn(CLIENT_ID, CALL, "mp3", 20)
    speeds.learn(CLIENT_ID, CALL, "mp3", 500)
    assert speeds.expected_seconds(CLIENT_ID, CALL, "mp3") == pytest.approx(20)
    clock.now = HOUR
    assert speeds.expected_seconds(CLIENT_ID, CALL, "mp3") is None
    speeds.learn(CLIENT_ID, CALL, "mp3", 500)
    assert speeds.expected_seconds(CLIENT_ID, CALL, "mp3") == pytest.approx(500)


def test_what_was_stopped_tells_the_speed_and_what_was_short_tells_none() -> None:
    speeds = RenditionSpeeds()
    speeds.learn(CLIENT_ID, CALL, "mp3", 0.4)
    assert speeds.expected_seconds(CLIENT_ID, CALL, "mp3") is None
    speeds.learn(CLIENT_ID, CALL, "mp3", 20, 0.0)
    assert speeds.expected_seconds(CLIENT_ID, CALL, "mp3") is None
    speeds.learn(CLIENT_ID, CALL, "mp3", 20, 0.25)
    assert speeds.expected_seconds(CLIENT_ID, CALL, "mp3") == pytest.approx(80)


def test_media_that_looks_slow_refuses_nothing_of_other_accounts_nor_of_longer_calls() -> None:
    speeds = RenditionSpeeds()
    speeds.learn(CLIENT_ID, lasting(30 / HOUR), "mp3", 1000)
    assert speeds.expected_seconds(CLIENT_ID, CALL, "mp3") is None
    speeds.learn(CLIENT_ID, CALL, "mp3", 1000)
    assert speeds.expected_seconds(CLIENT_ID + 1, CALL, "mp3") is None


def test_media_with_many_names_of_codecs_takes_no_more_memory() -> None:
    speeds = RenditionSpeeds()
    for number in range(300):
        speeds.learn(CLIENT_ID, lasting(1, codec=f"codec-{number}"), "mp3", 20)
    assert speeds.expected_seconds(CLIENT_ID, lasting(1, codec="codec-0"), "mp3") is None
    assert speeds.expected_seconds(CLIENT_ID, lasting(1, codec="codec-299"), "mp3") == pytest.approx(20)


def test_what_takes_too_long_is_refused_with_what_there_is(firm: Firm) -> None:
    recording_id = firm.ingest(MEDIA)
    firm.work()
    slow = RenditionSpeeds(least_sound_seconds=0)
    audio = {"channels": 2, "sample_rate": 8_000, "codec": "pcm_s16le"}
    measured = {"samples": 16_000, "video": None, "audio": audio}
    for format_ in ("wav", "mp4"):
        slow.learn(CLIENT_ID, measured, format_, 100)
    with knowing(firm, slow, decoder_seconds=9):
        sent = {"thirdPartyId": "call-1", "format": "wav"}
        answers = [
            get(firm, recording_id, "wav"),
            firm.client.get(url_of(firm, recording_id, format="wav")),
            firm.call("POST", PLAY, sent),
            firm.call("POST", PLAY, sent | {"streamThrough": True}),
        ]
        for answer in answers:
            assert (answer.status_code, answer.json()["code"]) == (422, "rendition-too-slow")
            assert answer.json()["formats"] == ["raw", "mp3", "mp3-mono", "wav-mono"]
            assert "more than 9 seconds" in answer.json()["detail"]
        assert get(firm, recording_id, "wav", method="HEAD").status_code == 422
        assert get(firm, recording_id, "mp3").is_success, "it is stored"
        assert get(firm, recording_id, "wav-mono").is_success, "nothing is known of it"
    told = [(method, status) for method, status, _ in rows(firm, recording_id)]
    assert told[:2] == [("GET", 422), ("GET", 422)]
    assert ("HEAD", 422) in told


def test_a_server_learns_from_what_it_makes(firm: Firm) -> None:
    recording_id = firm.ingest(tone(2.0, channels=2))
    firm.work()
    speeds = RenditionSpeeds(least_seconds=0, least_sound_seconds=0)
    with knowing(firm, speeds, decoder_seconds=HOUR):
        assert get(firm, recording_id, "wav").is_success
        audio = {"channels": 2, "sample_rate": 8_000, "codec": "pcm_s16le"}
        short, long = ({"samples": n * 16_000, "video": None, "audio": audio} for n in (1, 1_000_000))
        taken = speeds.expected_seconds(CLIENT_ID, short, "wav")
        assert taken
        assert speeds.expected_seconds(CLIENT_ID, long, "wav") == pytest.approx(taken * 1_000_000)
        assert speeds.expected_seconds(CLIENT_ID, short, "mp4") is None
