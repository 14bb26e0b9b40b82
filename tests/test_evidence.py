"""The tests that docs/evidence.md names exist, and docs/ledger.md says how each table is covered."""

import re
from pathlib import Path

from earwitness.archive.ledger.checking.tables import COVERAGE

ROOT = Path(__file__).parents[1]


def test_the_tests_that_are_named_as_evidence_exist() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs/evidence.md").read_text("utf-8"))
    assert named
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not re.search(rf"^(?:async )?def {name}\(", (ROOT / file).read_text("utf-8"), re.MULTILINE)
    ]
    assert missing == []


def test_the_page_of_the_ledger_says_how_each_table_is_covered() -> None:
    text = (ROOT / "docs/ledger.md").read_text("utf-8")
    assert dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", text, re.MULTILINE)) == {
        name: f"{one.how}: {one.by}" for name, one in COVERAGE.items()
    }
