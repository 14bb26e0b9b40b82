"""A program that decodes media which takes over its decoder, as in a container that forbids system calls.

`python -m tests.media.taken_over.decode FORBIDDEN TRIED TARGET`. It prints, in JSON, what the decoder's
confinement lacks, and what the attacker reports.
"""

import io
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from earwitness.media.decoder.decoder import process, rehearse
from earwitness.media.measurement import DecoderLimits
from tests.kernel.confinement.attacks import Target
from tests.kernel.confinement.outer import forbid
from tests.media.hearing import Memory
from tests.media.samples import wav_of
from tests.media.taken_over.lameenc import BEGIN, END

LIMITS = DecoderLimits(seconds=60, memory_mib=1024)


def main() -> None:
    forbidden, tried, target = sys.argv[1:]
    use_hostile_encoder(forbidden)
    sys.stdout.write(f"{json.dumps(rehearse(LIMITS).missing)}\n")
    sys.stdout.write(take_over(tried, Target(**json.loads(target))) + "\n")


def use_hostile_encoder(forbidden: str) -> None:
    """Let the decoders of this process have the encoder that is taken over, and forbid system calls."""
    forbid(forbidden)
    here = Path(__file__)
    os.environ["PYTHONPATH"] = f"{here.parent}:{here.parents[3]}"


def take_over(tried: str, target: Target) -> str:
    """Decode media that takes over its decoder. Returns what the attacker reports, in JSON."""
    command = BEGIN + json.dumps([tried, asdict(target)]).encode() + END
    mp3 = io.BytesIO()
    process(Memory(wav_of(command.ljust(16000), 8000, 1)), LIMITS, mp3)
    made = mp3.getvalue()
    return made[made.index(BEGIN) + len(BEGIN) : made.index(END)].decode()


if __name__ == "__main__":
    main()
