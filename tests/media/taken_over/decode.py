"""A program that decodes media which takes over its decoder, as in a container that forbids system calls.

`python -m tests.media.taken_over.decode FORBIDDEN TRIED TARGET`. It prints, in JSON, what the decoder's
confinement lacks, and what the attacker reports.
"""

import io
import json
import os
import sys
from pathlib import Path

from earwitness.media.decoder.decoder import process, rehearse
from earwitness.media.measurement import DecoderLimits
from tests.kernel.confinement.outer import forbid
from tests.media.hearing import Memory
from tests.media.samples import wav_of
from tests.media.taken_over.lameenc import BEGIN, END

_LIMITS = DecoderLimits(seconds=60, memory_mib=1024)


def main() -> None:
    forbidden, tried, target = sys.argv[1:]
    forbid(forbidden)
    here = Path(__file__)
    os.environ["PYTHONPATH"] = f"{here.parent}:{here.parents[3]}"
    sys.stdout.write(f"{json.dumps(rehearse(_LIMITS).missing)}\n")
    command = BEGIN + json.dumps([tried, json.loads(target)]).encode() + END
    mp3 = io.BytesIO()
    process(Memory(wav_of(command.ljust(16000), 8000, 1)), _LIMITS, mp3)
    made = mp3.getvalue()
    sys.stdout.write(made[made.index(BEGIN) + len(BEGIN) : made.index(END)].decode() + "\n")


if __name__ == "__main__":
    main()
