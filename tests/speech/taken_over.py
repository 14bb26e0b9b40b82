"""An engine that is taken over by its model while it loads, and by the sound that it hears.

`python -m tests.speech.taken_over FOLDER FORBIDDEN TRIED TARGET` transcribes with it, as in a container that
forbids these system calls. It writes the engine's package into the folder, which comes before the real
pocketsphinx. It prints what the attacker reports, in JSON: of the attacks while the engine loads, of those
while it hears, and of those of a thread that it started when it was imported.
"""

import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

from earwitness.speech.transcriber import SpeechLimits, transcribe
from tests.kernel.confinement.attacks import (
    TRIED,
    Attempts,
    Target,
    attack,
    held_by_landlock,
    held_while_loading,
    not_on_files,
)
from tests.kernel.confinement.outer import forbid

_PACKAGE = """
from tests.speech.taken_over import Attacker, Config, Endpointer
attacker = Attacker({!r}, {!r}, {!r})
Decoder = attacker.decoder
"""


class Attacker:
    """The module that is imported in place of the engine."""

    def __init__(self, forbidden: str, tried: str, told: str) -> None:
        target = Target(**json.loads(told))
        self._tried = TRIED[tried](target)
        # Without Landlock it would destroy files before it hears anything.
        while_loading: dict[str, Callable[[Target], Attempts]] = {
            "": held_while_loading,
            "seccomp": held_by_landlock,
            "landlock": not_on_files,
        }
        self._tried_first = while_loading[forbidden](target)
        self._found: list[dict[str, str]] = []
        self._heard = threading.Event()
        self._early = threading.Thread(target=self._wait)
        self._early.start()

    def decoder(self, _config: object) -> "Attacker":
        """Load the model."""
        self._found.append(attack(self._tried_first))
        return self

    def start_utt(self) -> None: ...

    def process_raw(self, pcm: bytes, *, full_utt: bool) -> None:
        self._found.append(attack(self._tried))
        self._heard.set()
        self._early.join()

    def end_utt(self) -> None: ...

    def hyp(self) -> SimpleNamespace:
        return SimpleNamespace(hypstr=json.dumps(self._found))

    def _wait(self) -> None:
        self._heard.wait()
        self._found.append({name: attempt() for name, attempt in self._tried.items()})


class Config:
    def __init__(self, **_: str) -> None: ...


class Endpointer:
    """Treats everything as speech."""

    frame_bytes = 1000
    speech_start = 0.0
    in_speech = True

    def __init__(self, sample_rate: int) -> None: ...

    def process(self, frame: bytes) -> bytes:
        return frame

    def end_stream(self, frame: bytes) -> bytes:
        return frame


def main() -> None:
    folder, forbidden, tried, target = sys.argv[1:]
    Path(folder, "pocketsphinx.py").write_text(_PACKAGE.format(forbidden, tried, target))
    os.environ["PYTHONPATH"] = f"{folder}:{Path(__file__).parents[2]}"
    forbid(forbidden)
    heard = transcribe("pocketsphinx", "", [bytes(3000)], SpeechLimits(60, 4096), lambda: None)
    for report in json.loads(heard.segments[0].text):
        sys.stdout.write(f"{json.dumps(report)}\n")


if __name__ == "__main__":
    main()
