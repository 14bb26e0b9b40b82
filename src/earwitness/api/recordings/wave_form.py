"""The waveforms of recordings, as the detail shows them.

A recording of two days has 1.4 million peaks for each channel. So they are encoded as they are read, without
a number in memory for each, and one answer has a most.
"""

from collections.abc import Sequence
from typing import Any, cast

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import Connection, func, select

from earwitness.archive.schema.vault import waveforms
from earwitness.kernel.errors import BadRequest, Fault
from earwitness.kernel.wire import Wire
from earwitness.media.measurement import PEAKS_PER_SECOND

MOST_PEAKS = 64 << 20
"""The most peaks of one answer: those of 2,330 hours. They take 300 MiB."""

_AT_ONCE = 16 << 10
_ENCODED = [msgspec.json.encode(peak / 100) for peak in range(256)]


class ChannelWaveForm(Wire):
    """How loud one channel is. Both are counted from 0, channels over all tracks in order."""

    channel: int
    track: int
    peaks: list[float]


class WaveForm(Wire):
    """How loud the loudest channel is, 8 times a second, from 0 to 1; null before it is known."""

    sample_rate: int
    peaks: list[float] | None
    channels: list[ChannelWaveForm] | UnsetType | None = UNSET


def waves_at(
    connection: Connection, positions: Sequence[int], *, include_channels: bool, most_peaks: int = MOST_PEAKS
) -> dict[int, Any]:
    """The stored waveforms, by position. Raises BadRequest where they are too many for one answer."""
    these = waveforms.c.position.in_(positions)
    shown = [waveforms.c.peaks, *([waveforms.c.channels] if include_channels else [])]
    lengths = (func.coalesce(func.sum(func.length(column)), 0) for column in shown)
    count = sum(connection.execute(select(*lengths).where(these)).one())
    if count > most_peaks and len(positions) > 1:
        hours = count // (PEAKS_PER_SECOND * 3600)
        most = most_peaks // (PEAKS_PER_SECOND * 3600)
        expected = (
            f"expected recordings of at most {most} hours together, each channel counted; these have {hours}"
        )
        raise BadRequest.of(Fault("interactionIds", expected), code="too-long-together")
    rows = connection.execute(select(waveforms.c.position, *shown).where(these))
    return {row.position: row for row in rows}


def wave_form(row: Any, measurement: dict[str, Any] | None, *, include_channels: bool) -> WaveForm:
    """The waveform of a recording. `row` is None if it has none."""
    shown = WaveForm(sample_rate=PEAKS_PER_SECOND, peaks=None if row is None else _peaks(row.peaks))
    if include_channels:
        shown.channels = None if row is None or row.channels is None else _channels(row, measurement or {})
    return shown


def _channels(row: Any, measurement: dict[str, Any]) -> list[ChannelWaveForm]:
    """The channels of each track in turn. Their peaks lie one channel after the other."""
    length = len(row.peaks)
    tracks = [track for track, channels in enumerate(measurement["tracks"]) for _ in range(channels)]
    return [
        ChannelWaveForm(
            channel=channel,
            track=track,
            peaks=_peaks(row.channels[channel * length : (channel + 1) * length]),
        )
        for channel, track in enumerate(tracks)
    ]


def _peaks(stored: bytes) -> list[float]:
    """The peaks, encoded already."""
    listed = bytearray(b"[")
    for start in range(0, len(stored), _AT_ONCE):  # `join` makes a list first, of twice the size
        listed += b",".join(map(_ENCODED.__getitem__, stored[start : start + _AT_ONCE])) + b","
    if stored:
        del listed[-1]
    listed += b"]"
    return cast(list[float], msgspec.Raw(listed))
