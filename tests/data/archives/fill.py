"""Fills an installation as the program of some commit does; `make.py` runs it in that commit's files.

    python fill.py FOLDER [DATABASE_URL] [--empty]

It writes `data`, `keys` and `api-keys.json` into FOLDER. `--empty` leaves the account with its administrator
alone. It uses only what every commit has: the command line, the API, and `tests/firm.py` as it was.
"""

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from earwitness.kernel.errors import Conflict
from earwitness.kernel.settings import Settings
from tests.firm import CLIENT_ID, Firm, tone

CONTENTS: dict[str, Any] = json.loads((Path(__file__).parent / "contents.json").read_text())


def main(folder: Path, database_url: str = "", *, is_empty: bool) -> None:
    settings = Settings(data=folder / "data", keys=folder / "keys", database_url=database_url, jobs=False)
    _create_account(settings)
    with Firm(settings) as firm:
        if not is_empty:
            _fill(firm)
        firm.work()
        (folder / "api-keys.json").write_text(json.dumps(firm.keys))


def _create_account(settings: Settings) -> None:
    environment = {
        "EARWITNESS_DATA": str(settings.data),
        "EARWITNESS_KEYS": str(settings.keys),
        "EARWITNESS_DATABASE_URL": settings.database_url,
    }
    command = [sys.executable, "-m", "earwitness", "account", "create", str(CLIENT_ID), "--name", "A firm"]
    subprocess.run(command, env=os.environ | environment, check=True)


def _fill(firm: Firm) -> None:
    for user in CONTENTS["users"]:
        with suppress(Conflict):  # since 0009 no user can be added that looks like another
            firm.add_user(user["username"], user["granted"])
    ids = {}
    for metadata in CONTENTS["recordings"]:
        answer = firm.send(metadata)
        assert answer.status_code == 201, answer.text
        ids[f"$id of {metadata['thirdPartyId']}"] = answer.json()["interactionId"]
    firm.ingest(tone(0.1, 8000, 2), thirdPartyId=CONTENTS["media"])
    for address in CONTENTS["privateEndpoints"]:
        [endpoint] = firm.post("/client/people/endpoint/get", [{"type": "phone", "endpoint": address}])
        answer = firm.call("PUT", f"/admin/endpoint/{endpoint['id']}", {"isPrivate": True})
        assert answer.is_success, answer.text
    for call in CONTENTS["calls"]:
        answer = firm.call(call["method"], call["path"], _with_ids(call["body"], ids))
        assert answer.is_success, answer.text


def _with_ids(value: Any, ids: dict[str, int]) -> Any:
    """A body in which `$id of NAME` became the interactionId of that recording."""
    if isinstance(value, dict):
        return {name: _with_ids(one, ids) for name, one in value.items()}
    if isinstance(value, list):
        return [_with_ids(one, ids) for one in value]
    return ids.get(value, value) if isinstance(value, str) else value


if __name__ == "__main__":
    given = [one for one in sys.argv[1:] if one != "--empty"]
    main(Path(given[0]), *given[1:], is_empty="--empty" in sys.argv)
