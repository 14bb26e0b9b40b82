"""The documentation that clients are written against, as data.

`data/seeds/` has its tables of calls, rights and request fields, from the endpoint reference and overview.
Its examples are in the package, because the documentation of the API shows them.
"""

import json
from importlib import resources
from pathlib import Path
from typing import Any

_TABLES = Path(__file__).with_name("data") / "seeds"
_EXAMPLES = resources.files("earwitness.api") / "examples"
_OF_THE_REFERENCE = (
    "authentication",
    "recordings",
    "people_and_endpoints",
    "users",
    "retention_groups",
    "comments",
)

REFERENCE: list[dict[str, Any]] = json.loads((_TABLES / "endpoint_reference.json").read_text())
OVERVIEW: list[dict[str, Any]] = json.loads((_TABLES / "overview.json").read_text())
EXAMPLES: list[dict[str, Any]] = [
    one for chapter in _OF_THE_REFERENCE for one in json.loads((_EXAMPLES / f"{chapter}.json").read_text())
]
FULL_EXAMPLES: dict[str, Any] = {one["call"]: one["response"] for one in EXAMPLES if "response" in one}
"""The full example response of each documented call."""
