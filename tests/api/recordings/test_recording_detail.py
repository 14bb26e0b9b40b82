"""POST /client/recording.detail.get for many recordings at once."""

import tracemalloc
from types import SimpleNamespace

import msgspec
import pytest
from bench.statements import statements_of
from sqlalchemy import insert, select, update

from earwitness.api.recordings.wave_form import wave_form, waves_at
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.schema.vault import waveforms
from earwitness.kernel.errors import BadRequest
from tests.firm import Firm, endpoint

POSITIONS = select(recordings.c.position)


def test_many_recordings_take_as_many_statements_as_one(firm: Firm) -> None:
    everybody = [
        firm.ingest(thirdPartyId=f"call-{n}", endpoints=[endpoint(f"44{n}", subject=True)]) for n in range(9)
    ]
    counts: list[int] = []
    firm.post("/client/recording.detail.get", {"interactionIds": everybody})
    for wanted in everybody[:1], everybody:
        with statements_of(firm.archive.engine) as asked:
            details = firm.post("/client/recording.detail.get", {"interactionIds": wanted})
        assert [detail["interactionId"] for detail in details] == wanted
        counts.append(len(asked))
    assert counts[0] == counts[1] > 0


def with_waveform(firm: Firm, name: str, peaks: bytes, channels: int) -> int:
    """A recording whose channels are all as loud as that."""
    recording_id = firm.ingest(thirdPartyId=name)
    with firm.archive.write() as connection:
        position = connection.scalar(POSITIONS.where(recordings.c.interaction_id == recording_id))
        row = {"position": position, "peaks": peaks, "channels": peaks * channels}
        connection.execute(insert(waveforms).values(row))
        changed = update(recordings).where(recordings.c.position == position)
        measured = {"tracks": [channels], "audio": None, "video": None, "samples": 0, "complete": True}
        connection.execute(changed.values(measurement=measured))
    return recording_id


def test_a_peak_is_a_number_from_0_to_1_with_two_digits(firm: Firm) -> None:
    recording_id = with_waveform(firm, "call-1", bytes(range(101)), 2)
    asked = {"interactionIds": [recording_id], "includeChannels": True}
    answer = firm.call("POST", "/client/recording.detail.get", asked)
    expected = [peak / 100 for peak in range(101)]
    shown = answer.json()[0]["waveForm"]
    assert shown["peaks"] == expected
    assert [channel["peaks"] for channel in shown["channels"]] == [expected] * 2
    assert '"peaks":[0.0,0.01,0.02,' in answer.text


def test_waveforms_that_are_too_long_for_one_answer_are_refused_together(firm: Firm) -> None:
    hour = bytes(8 * 3600)
    ids = [with_waveform(firm, f"call-{n}", hour, 2) for n in range(3)]
    with firm.archive.read() as connection:
        positions = list(connection.scalars(POSITIONS.where(recordings.c.interaction_id.in_(ids))))
        most = 3 * len(hour)
        assert len(waves_at(connection, positions, include_channels=False, most_peaks=most)) == 3
        with pytest.raises(BadRequest, match=r"of at most 3 hours together.*; these have 9"):
            waves_at(connection, positions, include_channels=True, most_peaks=most)
        assert waves_at(connection, positions[:1], include_channels=True, most_peaks=0), "one is always shown"


def test_a_waveform_takes_no_more_memory_than_its_text() -> None:
    row = SimpleNamespace(peaks=bytes(1 << 20))
    tracemalloc.start()
    try:
        shown = wave_form(row, None, include_channels=False)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(msgspec.json.encode(shown.peaks)) == 4 * len(row.peaks) + 1
    assert most < 6 * len(row.peaks)


@pytest.mark.parametrize("count", [0, 1, 16 << 10, (16 << 10) + 1])
def test_a_waveform_of_any_length_is_shown(count: int) -> None:
    shown = wave_form(SimpleNamespace(peaks=bytes(count)), None, include_channels=False)
    assert msgspec.json.decode(msgspec.json.encode(shown))["peaks"] == [0.0] * count
