"""The program `python -m tests.media.confined_walk [confined]` tries everything that PyAV knows.

It reads pickled recordings from its standard input. With `confined` it rehearses and confines itself first,
as the decoding process does. It prints what it tried and the results, and on standard error what was imported
or opened meanwhile.
"""

import hashlib
import io
import pickle
import sys
from collections.abc import Callable, Iterator

import av
from av.audio.codeccontext import AudioCodecContext
from av.codec import CodecContext
from av.codec.codec import UnknownCodecError
from av.video.codeccontext import VideoCodecContext

from earwitness.media.decoding.confined import confine, keep_out
from earwitness.media.decoding.containers.media_file import CONTAINERS
from earwitness.media.decoding.containers.not_media import NotMedia
from earwitness.media.decoding.jobs import measure, render
from earwitness.media.decoding.rehearsal import rehearse
from earwitness.media.decoding.renditions.original import NoSound
from earwitness.media.measurement import DecoderLimits
from tests.media.every_kind import HARDWARE

_NOISE = bytes(range(256)) * 40


def main() -> None:
    recordings: dict[str, bytes] = pickle.load(sys.stdin.buffer)
    landlock = 0
    if "confined" in sys.argv:
        landlock = keep_out()
        rehearse()
    sys.addaudithook(_tell)
    if "confined" in sys.argv:
        # One process does here what hundreds of decoding processes do.
        confine(DecoderLimits(seconds=600, memory_mib=8192), landlock)
    for name, attempt in _attempts(recordings):
        try:
            outcome = attempt()
        except (
            av.FFmpegError,
            ValueError,
            NotMedia,
            NoSound,
            UnknownCodecError,
            ImportError,
            OSError,
        ) as error:
            outcome = type(error).__name__
        sys.stdout.write(f"{name}: {outcome}\n")


def _tell(event: str, given: tuple[object, ...]) -> None:
    if event in ("import", "open", "os.listdir", "ctypes.dlopen", "socket.__new__"):
        sys.stderr.write(f"loaded {given[0]}\n")


def _attempts(recordings: dict[str, bytes]) -> Iterator[tuple[str, Callable[[], str]]]:
    for codec in sorted(av.codecs_available):
        if not codec.endswith(HARDWARE):
            yield f"decoder {codec}", lambda codec=codec: _decode(codec)  # type: ignore[misc]
    for container in CONTAINERS.split(","):
        yield f"container {container}", lambda container=container: _open(container)  # type: ignore[misc]
    for name, content in recordings.items():
        yield name, lambda content=content: _do(content)  # type: ignore[misc]


def _decode(codec: str) -> str:
    context = CodecContext.create(codec, "r")
    if isinstance(context, AudioCodecContext):
        context.sample_rate, context.layout = 8000, "mono"
    if isinstance(context, VideoCodecContext):
        context.width, context.height = 64, 48
    context.open()
    if isinstance(context, AudioCodecContext | VideoCodecContext):
        return str(len(context.decode(av.Packet(_NOISE))))
    return "opened"


def _open(container: str) -> str:
    with av.open(io.BytesIO(_NOISE), "r", format=container) as media:
        return ",".join(stream.type for stream in media.streams)


def _do(content: bytes) -> str:
    mp3, other = io.BytesIO(), io.BytesIO()
    found = measure(io.BytesIO(content), mp3)
    render(io.BytesIO(content), "mp4" if found.video else "wav", None, other)
    if found.video is None:
        return f"{found} {[hashlib.sha256(made.getvalue()).hexdigest() for made in (mp3, other)]}"
    # The pictures of some decoders differ from run to run, but their number does not.
    other.seek(0)
    with av.open(other, "r") as made:
        return f"{found} {len(list(made.decode(video=0)))}"


if __name__ == "__main__":
    main()
