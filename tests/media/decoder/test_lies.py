"""The answer of a decoding process that hostile media has taken over is not trusted."""

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from earwitness.media.decoder.decoder import DecoderFailed, process
from earwitness.media.decoder.fork_server import DECODERS
from earwitness.media.measurement import DecoderLimits
from tests.media import samples
from tests.media.hearing import Memory

LIMITS = DecoderLimits(seconds=60, memory_mib=1024)

LIES = {
    "nothing": "",
    "noise": "end.sendall(b'x' * 100)",
    "an endless message": "end.sendall(b'O' + b'\\xff' * 4)",
    "a part of another recording": "end.sendall(struct.pack('>cIQQ', b'R', 16, 0, 1 << 40))",
    "a part that ends before it begins": "end.sendall(struct.pack('>cIQQ', b'R', 16, 9, 5))",
    "half a request": "end.sendall(struct.pack('>cIQ', b'R', 8, 9))",
    "a result that is none": "end.sendall(struct.pack('>cI', b'E', 4) + b'null')",
    "a negative duration": (
        'answer = (b\'{"duration_ms":-1,"audio":null,"video":null,"samples":0,\'\n'
        'b\'"peaks":null,"complete":true}\')\n'
        "end.sendall(struct.pack('>cI', b'E', len(answer)) + answer)"
    ),
    "an unknown failure": "end.sendall(struct.pack('>cI', b'F', 19) + b'{\"reason\":\"fatigue\"}')",
}

# An mp3 encoder that the sound takes over. The fork server rehearses with it, too; it does nothing there.
TAKEN_OVER = """
import os, struct
LOADED_BY = os.getpid()
class end:
    sendall = lambda said: os.write(0, said)
class Encoder:
    def __getattr__(self, name):
        return lambda *_: b""
    def encode(self, pcm):
        if os.getpid() == LOADED_BY:
            return b""
        {}
        os._exit(0)
"""


@pytest.fixture
def encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file of the encoder that decoding processes use."""
    before = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path) + (f":{before}" if before else ""))
    DECODERS.end()
    yield tmp_path / "lameenc.py"
    DECODERS.end()


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_the_answer_of_a_decoder_that_was_taken_over_is_refused(encoder: Path, lie: str) -> None:
    encoder.write_text(TAKEN_OVER.format(lie.replace("\n", "\n        ")))
    with pytest.raises(DecoderFailed):
        process(Memory(samples.wav()), LIMITS, io.BytesIO())


def test_an_encoder_that_tells_the_truth_is_believed(encoder: Path) -> None:
    """So it is the lies that are refused."""
    told = LIES["a negative duration"].replace("-1", "7")
    encoder.write_text(TAKEN_OVER.format(told.replace("\n", "\n        ")))
    assert process(Memory(samples.wav()), LIMITS, io.BytesIO()).duration_ms == 7
