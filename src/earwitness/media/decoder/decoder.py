"""Decoding, in a process of its own: hostile media can end that process, and nothing else.

The decoding process holds no key and sees no file. It asks for parts of the recording, which are
decrypted here, and sends back what it makes; nothing plain touches a disk.
"""

from collections.abc import Generator
from contextlib import closing
from types import TracebackType
from typing import Self, TypeVar

import msgspec

from earwitness.kernel.confinement.layers import Layers
from earwitness.kernel.errors import Unavailable, Unprocessable
from earwitness.kernel.formats import Format, Rendered, formats_for
from earwitness.media.decoder.child import ChildLost, ChildSlow, keep_one_ready, ready_child
from earwitness.media.decoding.wire import DATA, OUTPUT, RANGE, READ, RESULT, DecodingJob, Failure
from earwitness.media.flow import Sink, Source
from earwitness.media.measurement import (
    DecoderLimits,
    Hint,
    Measurement,
    Speech,
    formats_of,
)

_RETRY_SECONDS = 60
_LARGEST_READ = 1 << 20

_T = TypeVar("_T")


class FormatUnavailable(Unprocessable):
    """This recording is not available in that format."""

    default_code = "format-unavailable"

    def __init__(self, formats: list[Format]) -> None:
        super().__init__(f"Available formats: {', '.join(formats)}.", extra={"formats": formats})
        self.formats = formats


class Undecodable(FormatUnavailable):
    """This recording has neither sound nor picture that can be decoded."""

    def __init__(self) -> None:
        super().__init__(formats_of(None))


class DecoderFailed(Unavailable):
    """Decoding failed."""

    default_code = "decoder-failed"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"Retry-After": str(_RETRY_SECONDS)})


class DecoderSlow(DecoderFailed):
    """Decoding takes long."""

    default_code = "decoder-slow"


class Rendition:
    """The bytes of a rendition, as they are made. Close it, or leave its `with` block, to stop early.

    Making it has begun when it is there: what can be known to be wrong was raised before.
    """

    def __init__(self, pump: Generator[bytes, None, bytes]) -> None:
        self._pump = pump
        self._first = next(pump, None)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        if self._first is None:
            return next(self._pump)
        first, self._first = self._first, None
        return first

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop making it."""
        self._first = None
        self._pump.close()


def process(
    source: Source, limits: DecoderLimits, mp3: Sink | None = None, hint: Hint | None = None
) -> Measurement:
    """Measure a recording, and write its mp3 rendition if a sink is given.

    That is one pass, and two for what is longer than an hour or so. Without sound nothing is written. `hint`
    is what the source said of media without a header.
    Raises Undecodable, DecoderFailed, and what `source` and `mp3` raise.
    """
    job = DecodingJob(source.size, limits, measure=True, format="mp3" if mp3 is not None else None, hint=hint)
    pump = _pump(job, source)
    with closing(pump):
        while True:
            try:
                chunk = next(pump)
            except StopIteration as end:
                return _read_as(Measurement, end.value)
            if mp3 is not None:
                mp3.write(chunk)


def render(
    source: Source,
    format_: Rendered | Speech,
    limits: DecoderLimits,
    samples: int | None = None,
    hint: Hint | None = None,
    *,
    opposite: bool | None = None,
    channel: int = 0,
    first_byte_seconds: float | None = None,
) -> Rendition:
    """Make a rendition: `mp3`, `mp3-mono`, `wav`, `wav-mono`, `mp4`, or the speech of a channel.

    `samples` and `opposite` are what `Measurement` has; without them mp3 and wav, and a mono mix, are decoded
    once more, to be counted and compared. `hint` is as in `process`. DecoderSlow is raised where there is
    nothing of it after `first_byte_seconds`.
    Raises Undecodable, FormatUnavailable, DecoderFailed and what `source` raises; the last two also
    later, while the rendition is read.
    """
    job = DecodingJob(
        source.size,
        limits,
        format=format_,
        samples=samples,
        hint=hint,
        opposite=opposite,
        channel=channel,
    )
    return Rendition(_pump(job, source, first_byte_seconds))


def rehearse(limits: DecoderLimits) -> Layers:
    """Decode a moment of silence, and see what confines the process that does. Raises DecoderFailed.

    Those that transcribe are on the same kernel, and confined by the same.
    """
    with closing(_pump(DecodingJob(0, limits, rehearse=True), _Nothing())) as pump:
        while True:
            try:
                next(pump)
            except StopIteration as end:
                return _read_as(Layers, end.value)


class _Nothing:
    """The recording of a rehearsal."""

    size = 0

    def read(self, start: int, stop: int, /) -> bytes:
        return b""


def _pump(
    job: DecodingJob, source: Source, first_byte_seconds: float | None = None
) -> Generator[bytes, None, bytes]:
    """Do a job: yields what is made, returns the result."""
    try:
        with ready_child() as child:
            child.begin(job, first_byte_seconds)
            if not job.rehearse:
                keep_one_ready()
            while True:
                kind, payload = child.receive()
                if kind == READ:
                    child.send(DATA, _part(source, payload))
                elif kind == OUTPUT:
                    yield payload
                elif kind == RESULT:
                    return payload
                else:
                    raise _failure(_read_as(Failure, payload))
    except ChildSlow:
        raise DecoderSlow(
            "Its first part takes long to make. Asked for as a whole, it is made while you wait, or later."
        ) from None
    except ChildLost as lost:
        raise DecoderFailed(f"Decoding ended early: {lost}.") from None


def _part(source: Source, payload: bytes) -> bytes:
    if len(payload) != RANGE.size:
        raise ChildLost("it was not understood")
    start, stop = RANGE.unpack(payload)
    if not start <= stop <= min(source.size, start + _LARGEST_READ):
        raise ChildLost("it asked for what is not there")
    return source.read(start, stop)


def _failure(failure: Failure) -> Exception:
    if failure.reason == "undecodable":
        return Undecodable()
    if failure.reason == "no-sound":
        return FormatUnavailable(formats_for("decoding"))
    return DecoderFailed(f"Decoding ended early: {failure.detail}.")


def _read_as(kind: type[_T], payload: bytes) -> _T:
    try:
        return msgspec.json.decode(payload, type=kind)
    except msgspec.MsgspecError:
        raise DecoderFailed("Decoding ended early: it was not understood.") from None
