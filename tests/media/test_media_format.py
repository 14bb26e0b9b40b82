"""The documented way to read an archive without Earwitness works."""

import os
import re
from pathlib import Path
from typing import Any

from earwitness.kernel.settings import Settings
from earwitness.media.keys.key_ring import KEYS_FILE, KeyRing
from earwitness.media.stores.store import open_store
from earwitness.media.vault import Vault, new_recording_key

DOCUMENT = Path(__file__).parents[2] / "docs" / "media-format.md"


def test_the_recipe_reads_a_recording(tmp_path: Path) -> None:
    (recipe,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    documented: dict[str, Any] = {}
    exec(compile(recipe, str(DOCUMENT), "exec"), documented)

    settings = Settings(data=tmp_path / "data")
    vault = Vault(open_store(settings, 1234567), KeyRing.open(settings, create=True), 1234567)
    for size in (0, 100, 65_480, 65_481, 500_000):
        media, key = os.urandom(size), new_recording_key()
        with vault.new(key, "raw") as upload:
            upload.write(media)
            name = upload.finish().name
            upload.keep()
        wrapped = vault.wrap(key, 42)

        data_key = documented["unwrap"](
            tmp_path / "data.keys" / KEYS_FILE, wrapped.kek_id, wrapped.wrapped, 1234567, 42, key.vault_id
        )
        path = tmp_path / "data" / "accounts" / "1234567" / "media" / name
        assert b"".join(documented["read"](path, data_key, 1234567, key.vault_id, "raw")) == media
