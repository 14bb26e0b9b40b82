"""An mp3 encoder taken over by what it encodes: it stands before the real one in the decoder's PYTHONPATH.

Sound that begins with a command of the attacker's is none to it: it attacks, and its "mp3" is what came of
that.
"""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

from tests.kernel.confinement.attacks import TRIED, Target, attack

BEGIN, END = b"ATTACK! ", b" ATTACKED"


def _the_real_one() -> ModuleType:
    for entry in sys.path:
        for found in Path(entry).glob("lameenc.*.so"):
            spec = importlib.util.spec_from_file_location("lameenc", found)
            assert spec
            assert spec.loader
            with mock.patch.dict(sys.modules):  # where it would take this module's place
                module = importlib.util.module_from_spec(spec)
                spec.loader.exec_module(module)
            return module
    raise ModuleNotFoundError("lameenc")


class Encoder:
    """As the real one, until it is told."""

    def __init__(self) -> None:
        self._encoder = _REAL.Encoder()
        self._given = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def encode(self, pcm: bytes) -> bytes:
        self._given += pcm
        if not self._given.startswith(BEGIN):
            return bytes(self._encoder.encode(pcm))
        if END not in self._given:
            return b""
        tried, told = json.loads(self._given[len(BEGIN) : self._given.index(END)])
        self._given = b"over"
        return BEGIN + json.dumps(attack(TRIED[tried](Target(**told)))).encode() + END


_REAL = _the_real_one()
