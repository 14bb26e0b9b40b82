"""A watched folder under test."""

import json
from pathlib import Path
from typing import Any

from earwitness.archive.ledger.ledger import Action
from earwitness.ingest.sources.watched_folder import Outcome, WatchedFolder
from tests.firm import Firm, tone

ACTION = Action("CLI", "earwitness watch", "Ingest recording", "operator:test", "")


def put(file: Path, content: bytes = b"", sidecar: Any = None) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content or tone())
    if sidecar is not None:
        file.with_suffix(".json").write_text(json.dumps(sidecar))
    return file


def take(firm: Firm, watched: WatchedFolder) -> dict[str, Outcome]:
    """Look twice, which is needed to see what is finished, and ingest that."""
    watched.look()
    ready, outcomes = watched.look()
    outcomes += [watched.ingest(firm.archive, found, ACTION) for found in ready]
    return {outcome.file: outcome for outcome in outcomes}


def files(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }
