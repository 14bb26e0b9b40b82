"""Decoding in a process of its own: hostile media can end that process, and harm nothing else.

The decoding process has no key and can open no file. It asks for parts of the recording, which are decrypted
here, and sends back what it makes. Nothing is written to a disk in clear.
"""

from collections.abc import Generator
from contextlib import closing
from time import monotonic
from types import TracebackType
from typing import Self, TypeVar

import msgspec

from earwitness.kernel.confinement.layers import Layers
from earwitness.kernel.errors import Unavailable, Unprocessable
from earwitness.kernel.formats import Format, Rendered, formats_for
from earwitness.media.decoder.child import ChildLost, ChildSlow, new_child
from earwitness.media.decoding.renditions import writers  # noqa: F401 - its table is checked at start
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

    The first bytes are made when it is created, so that most errors are raised before the answer begins.
    """

    def __init__(self, pump: Generator[bytes, None, bytes]) -> None:
        self.seconds = 0.0
        """How long it took to make what there is so far, without the time in which nobody asked for more."""
        self.size_bytes = 0
        self.is_whole = False
        self._pump = pump
        self._first = self._make()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        made, self._first = self._first, None
        if made is None and (made := self._make()) is None:
            raise StopIteration
        return made

    def _make(self) -> bytes | None:
        begun = monotonic()
        try:
            made = next(self._pump, None)
        finally:
            self.seconds += monotonic() - begun
        if made is None:
            self.is_whole = True
        else:
            self.size_bytes += len(made)
        return made

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

    This takes one pass, or two if the recording is longer than about an hour. Without sound nothing is
    written. `hint` is what the source said about media without a header. Raises Undecodable, DecoderFailed,
    and what `source` and `mp3` raise.
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
    """Make a rendition, or the speech of a channel.

    `samples` and `opposite` are those of the `Measurement`. Without them the recording is decoded once more
    where they are needed. `hint` is as in `process`. Raises DecoderSlow if there is no byte after
    `first_byte_seconds`, and Undecodable, FormatUnavailable, DecoderFailed and what `source` raises. The last
    two may also be raised while the rendition is read.
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
    """Decode a moment of silence, and find out what confines the decoding process. Raises DecoderFailed.

    The same confines transcribing processes, since they run on the same kernel.
    """
    with closing(_pump(DecodingJob(0, limits, rehearse=True), _Nothing())) as pump:
        while True:
            try:
                next(pump)
            except StopIteration as end:
                return _read_as(Layers, end.value)


class _Nothing:
    """The empty recording of a rehearsal."""

    size = 0

    def read(self, start: int, stop: int, /) -> bytes:
        return b""


def _pump(
    job: DecodingJob, source: Source, first_byte_seconds: float | None = None
) -> Generator[bytes, None, bytes]:
    """Do a job. Yields the output as it is made, and returns the result."""
    try:
        with new_child() as child:
            child.begin(job, first_byte_seconds)
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
            "Its first part takes long to make. Ask for the whole rendition: "
            "it is made while you wait, or later."
        ) from None
    except ChildLost as lost:
        raise DecoderFailed(f"Decoding ended early: {lost}.") from None


def _part(source: Source, payload: bytes) -> bytes:
    if len(payload) != RANGE.size:
        raise ChildLost("it sent something unexpected")
    start, stop = RANGE.unpack(payload)
    if not start <= stop <= min(source.size, start + _LARGEST_READ):
        raise ChildLost("it asked for bytes beyond the end")
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
        raise DecoderFailed("Decoding ended early: its answer was not understood.") from None
