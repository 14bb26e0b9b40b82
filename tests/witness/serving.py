"""Runs `earwitness witness serve` in its own process."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def serving(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A witness in its own process, and its URL."""
    words = ("witness", "serve", "--port", "0", "--folder", str(folder), "--json")
    # No setting of an archive is needed, and none is made.
    process = subprocess.Popen(
        [sys.executable, "-m", "earwitness", *words],
        env={name: value for name, value in os.environ.items() if not name.startswith("EARWITNESS_")},
        cwd=folder.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = ""
        while not said.endswith("}\n"):
            line = process.stdout.readline()
            assert line, "the witness has ended"
            said += line
        yield process, json.loads(said)["url"]
    finally:
        process.kill()
        process.communicate()
