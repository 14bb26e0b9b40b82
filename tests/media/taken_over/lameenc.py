"""An mp3 encoder that the sound takes over. It comes before the real one in the decoder's PYTHONPATH.

If the sound begins with the attacker's command, it attacks, and its "mp3" is the report of the attack. Where
the command states no address of a secret, the target is another decoder or their fork server.
"""

import ctypes
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

from tests.kernel.confinement.attacks import SECRET, TRIED, Target, attack

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
    """Works as the real encoder until it gets the command."""

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
        told["address"] = told["address"] or ctypes.addressof(_SECRET)
        self._given = b"over"
        return BEGIN + json.dumps(attack(TRIED[tried](Target(**told)))).encode() + END


_REAL = _the_real_one()
# Decoders are forked after this was loaded, so it has the same address in all of them.
_SECRET = ctypes.create_string_buffer(SECRET)
