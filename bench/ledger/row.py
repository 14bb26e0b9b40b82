"""Processor time, in µs, of writing the row of an audited read: the least of several rounds.

    PYTHONPATH=CHECKOUT/src python row.py FOLDER

It runs as a file, with the program of any checkout.
"""

import sys
import time
from pathlib import Path

from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Action, Entry
from earwitness.kernel.clock import now_ms
from earwitness.kernel.settings import Settings

CLIENT_ID = 1
_ROUNDS, _ROWS = 20, 100
_ACTION = Action("POST", "/client/recording.detail", "Get recording", "jane.smith", "192.0.2.1", user_id=1)


def main(folder: Path) -> float:
    accounts = Accounts(Settings(data=folder / "data", keys=folder / "data.keys"))
    accounts.create(CLIENT_ID, "Benchmark")
    archive = accounts.open(CLIENT_ID)
    rounds: list[float] = []
    for _ in range(_ROUNDS):
        if hasattr(archive, "log"):  # as if workers were to look after the log in a moment
            archive.log.note_marks({"ledger": now_ms() + 1_000})
        began = time.process_time()
        for _ in range(_ROWS):
            with archive.write(locked=False) as connection:
                ledger.append(connection, _ACTION, [Entry(1)])
        rounds.append((time.process_time() - began) / _ROWS * 1e6)
    accounts.close()
    return min(rounds)


if __name__ == "__main__":
    print(main(Path(sys.argv[1])))
