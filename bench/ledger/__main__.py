"""What the ledger costs: calls beside a program without its log, and the log by itself.

    python -m bench.ledger [--beside CHECKOUT] [--calls 100] [--rounds 5] [--actions 4000] [--leaves 50000]

CHECKOUT is one of the commit before the log. Each program gets an installation of its own, on SQLite, and a
server and a worker. Calls to the two are made in turns. Without CHECKOUT the log alone is measured.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from bench.ledger.alone import measure_log
from bench.ledger.beside import compare, compare_rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--beside", type=Path, help="a checkout of the program without the log")
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--actions", type=int, default=4_000)
    parser.add_argument("--leaves", type=int, default=50_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-ledger-") as made:
        for row in measure_log(Path(made, "alone"), arguments.actions, arguments.leaves):
            _tell(row)
        if arguments.beside:
            _tell(compare_rows(Path(made), arguments.beside, arguments.rounds))
            for row in compare(Path(made), arguments.beside, arguments.calls, arguments.rounds):
                _tell(row)


def _tell(row: dict[str, Any]) -> None:
    print(json.dumps(row, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
