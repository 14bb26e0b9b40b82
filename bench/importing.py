"""`earwitness import`, compared with its floor: the same rows, written by the bare driver.

    python -m bench.importing [--recordings 20000] [--rounds 3]

Both fill new accounts on SQLite, in turns, with equally large transactions. The floor gets finished rows; the
command reads a manifest of JSON, checks it, and looks up its people and endpoints.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.generating import DEPARTMENT, TAGS, Generator, Row, number_of
from bench.loading import add_people, write_rows
from earwitness.archive.accounts.accounts import Accounts
from earwitness.cli.importing import COMMITTED_TOGETHER
from earwitness.kernel.clock import format_ms
from earwitness.kernel.settings import Settings

_CLIENT_ID = 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recordings", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    rows = list(Generator(given.recordings).rows())
    ratios: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        manifest, nothing = Path(folder, "manifest.jsonl"), Path(folder, "nothing.jsonl")
        manifest.write_text("".join(f"{json.dumps(_line(row))}\n" for row in rows))
        nothing.touch()
        for number in range(given.rounds):
            floor = _floor(Path(folder, f"floor-{number}"), rows)
            settings = _new_account(Path(folder, f"import-{number}"))
            seconds = _import(settings, manifest) - _import(settings, nothing)
            ratios.append(floor / seconds)
            told = {"import": given.recordings / seconds, "floor": given.recordings / floor}
            print({f"{name} a second": round(value) for name, value in told.items()}, flush=True)
    print(f"{statistics.median(ratios):.2f} of the floor")


def _new_account(folder: Path) -> Settings:
    settings = Settings(data=folder / "data", keys=folder / "keys")
    accounts = Accounts(settings)
    accounts.create(_CLIENT_ID, "Benchmark")
    accounts.close()
    return settings


def _floor(folder: Path, rows: Sequence[Row]) -> float:
    accounts = Accounts(_new_account(folder))
    archive = accounts.open(_CLIENT_ID)
    add_people(archive)
    began = time.perf_counter()
    for first in range(0, len(rows), COMMITTED_TOGETHER):
        write_rows(archive, rows[first : first + COMMITTED_TOGETHER])
    seconds = time.perf_counter() - began
    accounts.close()
    return seconds


def _import(settings: Settings, manifest: Path) -> float:
    environment = {"EARWITNESS_DATA": str(settings.data), "EARWITNESS_KEYS": str(settings.keys_folder)}
    command = [sys.executable, "-m", "earwitness", "import", str(_CLIENT_ID), str(manifest), "--json"]
    began = time.perf_counter()
    subprocess.run(command, env=os.environ | environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def _line(row: Row) -> dict[str, Any]:
    """The line of a manifest for a recording."""
    _, _, third_party_id, type_, source, direction, started_at, ended_at, _, is_private, *_ = row.recording
    _, language, segments, _ = row.transcript
    return {
        "thirdPartyId": third_party_id,
        "type": "phone" if type_ == "sms" else type_,
        "source": source,
        "direction": direction,
        "startDatetimeUTC": format_ms(started_at),
        "endDatetimeUTC": format_ms(ended_at),
        "isPrivate": is_private,
        "dataGroups": {"Department": DEPARTMENT},
        "tags": [TAGS[tag_id - 1] for _, _, tag_id in row.tags],
        "endpoints": [
            {
                "type": "phone",
                "endpoint": number_of(endpoint_id),
                "isOriginator": is_originator,
                "isRecordingSubject": is_subject,
                "person": {"thirdPartyId": f"person-{person_id}", "fullName": f"Person {person_id}"},
            }
            for _, _, endpoint_id, person_id, _, _, is_originator, is_subject in row.endpoints
        ],
        "transcript": {"language": language, "segments": json.loads(segments)},
    }


if __name__ == "__main__":
    main()
