"""`make faults`: one fault on loopback, and the table that it writes."""

import json
import subprocess
import sys
from pathlib import Path


def test_a_failing_bucket_is_seen_and_nothing_is_lost(tmp_path: Path) -> None:
    report, rows = tmp_path / "faults.md", tmp_path / "faults.json"
    words = [
        "--loopback",
        "--seconds",
        "3",
        "--report",
        report,
        "--json",
        rows,
        "objects-failing",
        "server-cut-in-a-write",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "bench.faults", *map(str, words)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [row] = json.loads(rows.read_text())["rows"]
    assert row["acknowledged"] > 0
    assert row["counts"]["503"] > 0
    assert (row["lost"], row["doubled"], row["stuck"]) == (0, 0, 0)
    assert "| the S3 server answers 503 to everything |" in report.read_text()
    assert "NOT MADE: server-cut-in-a-write needs network." in done.stderr
