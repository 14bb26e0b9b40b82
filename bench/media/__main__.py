"""The speed of media, compared with its floor, in one interleaved run with real servers on loopback.

    python -m bench.media [--only download ingest mp3 ten-hours] [--large-mib 1024] [--rounds 5] …

Prints each figure with its aim, and writes all figures as JSON.
"""

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.media import archive, downloads, encoding, ingesting, servers
from earwitness.kernel.settings import Settings

Tell = Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True)
class Aim:
    """The aim for a figure of a subject."""

    subject: str
    figure: str
    is_met: Callable[[float], bool]
    text: str


SUBJECTS = ("download", "ingest", "mp3", "ten-hours")
AIMS = (
    Aim("download by 1", "ratio", lambda value: value >= 0.7, ">= 0.7"),
    Aim("download by 8", "ratio", lambda value: value >= 0.7, ">= 0.7"),
    Aim("memory", "added_mib", lambda value: value < 32, "< 32 MiB"),
    Aim("range", "p99_ms", lambda value: value < 10, "< 10 ms"),
    Aim("search beside", "p99_ratio", lambda value: value <= 2, "<= 2"),
    Aim("ingest", "ratio", lambda value: value >= 0.5, ">= 0.5"),
    Aim("mp3", "times_real_time", lambda value: value >= 150, ">= 150"),
)


def main() -> None:
    given = _arguments()
    given.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=given.folder) as made:
        found = _measure(given, Path(made))
    report = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": _machine(), "found": found}
    given.report.parent.mkdir(parents=True, exist_ok=True)
    given.report.write_text(json.dumps(report, indent=2) + "\n")
    print(f"\n{report['machine']}, {report['at']}")
    for aim in (aim for aim in AIMS if aim.subject in found):
        value = found[aim.subject][aim.figure]
        told = "met" if aim.is_met(value) else "MISSED"
        print(f"{aim.subject:<26} {aim.figure:<16} {value:>8}   {aim.text:<9} {told}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--large-mib", type=int, default=1024, help="the size of the downloaded object")
    parser.add_argument("--ingest-mib", type=int, default=100, help="the size of the ingested file")
    parser.add_argument(
        "--call-seconds", type=int, default=600, help="the length of the call to encode as mp3"
    )
    parser.add_argument("--recordings", type=int, default=20_000, help="how many recordings are searched")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5, help="how long each round of searches takes")
    parser.add_argument("--only", nargs="+", choices=SUBJECTS, default=SUBJECTS, metavar="SUBJECT")
    parser.add_argument("--folder", type=Path, default=Path("build"), help="a folder on the disk to measure")
    parser.add_argument("--report", type=Path, default=Path("build/bench-media.json"))
    return parser.parse_args()


def _machine() -> str:
    cores = len(os.sched_getaffinity(0))
    return f"{cores} of {os.cpu_count()} cores, {_processor()}, Python {platform.python_version()}"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def _measure(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def tell(subject: str, figures: dict[str, Any]) -> None:
        found[subject] = figures
        print(f"{subject:<26} {figures}", flush=True)

    if {"download", "ingest"} & set(given.only):
        _measure_servers(given, folder, tell)
    if "mp3" in given.only:
        call = folder / "call.wav"
        encoding.write_call(call, given.call_seconds)
        tell("mp3", encoding.mp3(call, given.call_seconds, given.rounds))
    if "ten-hours" in given.only:
        tell("ten hours", encoding.ten_hours(folder))
    return found


def _measure_servers(given: argparse.Namespace, folder: Path, tell: Tell) -> None:
    settings = Settings(data=folder / "data", keys=folder / "keys")
    large, size = folder / "large", given.large_mib << 20
    archive.write_noise(large, size)
    credentials, interaction_id = archive.fill(settings, given.recordings, large)
    path = downloads.path_of(interaction_id)
    with servers.earwitness(settings) as unsigned, servers.plain(large) as plain:
        server = archive.signed_in(unsigned, credentials)
        if "download" in given.only:
            tell("memory", downloads.memory(server, path))
            tell("download by 1", downloads.speed(server, plain, path, 1, given.rounds))
            tell("download by 8", downloads.speed(server, plain, path, 8, max(given.rounds // 2, 1)))
            tell("range", downloads.first_bytes(server, path, size, 200 * given.rounds))
            tell("search beside", downloads.search_beside(server, path, given.rounds, given.seconds))
        if "ingest" in given.only:
            file = folder / "ingested"
            archive.write_noise(file, given.ingest_mib << 20)
            tell("ingest", ingesting.ingest(server, file, folder, given.rounds))


if __name__ == "__main__":
    main()
