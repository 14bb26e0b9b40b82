"""Which channels are the same, which are silent, and whether two would cancel each other out."""

import math
from array import array
from dataclasses import dataclass
from operator import mul

# This much of each block is compared, in one piece: samples at regular distances may all be at the same place
# of a tone. Of a sound with a higher rate than this, only some samples are compared.
_RUN_SECONDS = 0.032
_COMPARED_RATE = 4000

_OPPOSITE_BELOW = -0.9
# The residue is what is left of a channel after the other one is subtracted, at the gain that fits best.
# Channels are the same if the residue has at most this share of their energy, overall and within each second.
_MOST_RESIDUE = 0.005
_MOST_RESIDUE_OF_A_SECOND = 0.05
_RUNS_PER_SECOND = 4
# The mean square of an idle line's noise, in the smallest steps of A-law, is below this.
_SILENT_BELOW = 16 * 16


@dataclass(slots=True)
class _Pair:
    """The sums of the products of two channels' samples: over everything, and over this second."""

    product: float = 0.0
    product_of_second: float = 0.0


class Likeness:
    """Compares the channels of a whole recording, pair by pair."""

    def __init__(self, rate: int, channels: int) -> None:
        self._step = max(rate // _COMPARED_RATE, 1)
        self._length = max(int(rate * _RUN_SECONDS), 1)
        self._energy = [0.0] * channels
        self._energy_of_second = [0.0] * channels
        self._is_silent = [True] * channels
        self._seconds = 0
        self._runs = 0
        self._pairs = {(one, other): _Pair() for other in range(channels) for one in range(other)}
        self._only_two = (0, 1) if channels == 2 else None
        self._unlike: set[tuple[int, int]] = set()

    def add(self, pcm: bytes) -> None:
        """Take a block of 16-bit samples, interleaved."""
        channels = len(self._energy)
        samples = array("h")
        samples.frombytes(pcm[: self._length * 2 * channels])
        runs = [samples[channel :: channels * self._step] for channel in range(channels)]
        sounding = [False] * channels
        for channel, run in enumerate(runs):
            energy = sum(map(mul, run, run))
            self._energy_of_second[channel] += energy
            sounding[channel] = energy > _SILENT_BELOW * len(run)
            self._is_silent[channel] = self._is_silent[channel] and not sounding[channel]
        for (one, other), pair in self._pairs.items():
            if sounding[one] or sounding[other]:
                pair.product_of_second += sum(map(mul, runs[one], runs[other]))
        self._runs += 1
        if self._runs == _RUNS_PER_SECOND:
            self._close_second()

    def finish(self) -> None:
        """Finish after the last block."""
        if self._runs:
            self._close_second()

    @property
    def are_opposite(self) -> bool:
        """Whether there are two channels, and one is the other with opposite sign."""
        return self._only_two is not None and self._correlation(*self._only_two) < _OPPOSITE_BELOW

    @property
    def distinct(self) -> tuple[int, ...]:
        """The channels that are neither silent nor the same as an earlier one."""
        found: list[int] = []
        for channel, is_silent in enumerate(self._is_silent):
            if not is_silent and not any(self._are_alike(earlier, channel) for earlier in found):
                found.append(channel)
        return tuple(found)

    def _are_alike(self, one: int, other: int) -> bool:
        if (one, other) in self._unlike or (one, other) not in self._pairs:
            return False
        return 1 - self._correlation(one, other) ** 2 <= _MOST_RESIDUE

    def _correlation(self, one: int, other: int) -> float:
        both = math.sqrt(self._energy[one] * self._energy[other])
        return self._pairs[one, other].product / both if both else 0.0

    def _close_second(self) -> None:
        self._seconds += 1
        for channel, energy in enumerate(self._energy_of_second):
            self._energy[channel] += energy
        for key, pair in list(self._pairs.items()):
            pair.product += pair.product_of_second
            if key not in self._unlike and self._differ_now(key, pair):
                self._unlike.add(key)
                if key != self._only_two:
                    del self._pairs[key]
            pair.product_of_second = 0.0
        self._energy_of_second = [0.0] * len(self._energy)
        self._runs = 0

    def _differ_now(self, key: tuple[int, int], pair: _Pair) -> bool:
        """Whether one channel has sound in this second that the other lacks. Then they are not alike."""
        one, other = key
        of_one, of_other = self._energy_of_second[one], self._energy_of_second[other]
        return _residue(of_one, of_other, pair, self._energy[one]) > self._bound(other, of_other) or _residue(
            of_other, of_one, pair, self._energy[other]
        ) > self._bound(one, of_one)

    def _bound(self, channel: int, of_second: float) -> float:
        usual = self._energy[channel] / self._seconds
        noise = _SILENT_BELOW * _COMPARED_RATE * _RUN_SECONDS * _RUNS_PER_SECOND
        return _MOST_RESIDUE_OF_A_SECOND * max(usual, of_second) + noise


def _residue(of_one: float, of_other: float, pair: _Pair, energy: float) -> float:
    """The energy of the other channel in this second, less the first one at the gain found so far."""
    gain = pair.product / energy if energy else 0.0
    return of_other - 2 * gain * pair.product_of_second + gain * gain * of_one
