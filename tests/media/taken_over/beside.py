"""A program in which a decoder that is taken over attacks the decoder beside it, and then their fork server.

`python -m tests.media.taken_over.beside FORBIDDEN`, as in a container that forbids system calls. It prints
what the attacker reports of each, in JSON.
"""

import sys

from earwitness.media.decoder.decoder import render
from tests.kernel.confinement.attacks import Target
from tests.media.decoder.test_decoding_process import EndlessCall, decoders, fork_servers
from tests.media.taken_over.decode import LIMITS, take_over, use_hostile_encoder


def main() -> None:
    use_hostile_encoder(sys.argv[1])
    with render(EndlessCall(), "wav", LIMITS, EndlessCall.samples) as rendition:
        next(rendition)
        attacked = decoders() | fork_servers()
        for pid in attacked:
            sys.stdout.write(take_over("beside", Target(pid, 0, "", "")) + "\n")
        next(rendition)
        if not attacked <= decoders() | fork_servers():
            sys.exit("not all live on")


if __name__ == "__main__":
    main()
