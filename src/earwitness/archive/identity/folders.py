"""The id of the installation: in the directory, and in the folders of each server.

    earwitness-installation     32 hex digits and a newline, in the data folder and in the folder of keys

So the database, data folder or keys of another installation are noticed before anything is written.
"""

import logging
import re
import uuid
from pathlib import Path

from sqlalchemy import Engine

from earwitness.archive.identity.records import Noted, note_first, noted
from earwitness.kernel.errors import StorageFull
from earwitness.kernel.settings import Settings
from earwitness.media.differing import Differs
from earwitness.media.stores.store_marker import write_once

log = logging.getLogger(__name__)

FILE = "earwitness-installation"

_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)


def installation_of(settings: Settings, directory: Engine) -> str:
    """The id of this installation, made if there is none. Raises Differs if a folder has another id."""
    said = {folder: _read(folder / FILE) for folder in _folders(settings)}
    known = noted(directory).get("installation")
    if known is None:
        found = next((one for one in said.values() if one), uuid.uuid4().hex)
        _compare(said, found)
        known = note_first(directory, "installation", Noted(found))
    _compare(said, known.value)
    return known.value


def mark_folders(settings: Settings, installation: str) -> None:
    """Write the installation's id to folders that lack it, if they exist and can be written."""
    for folder in _folders(settings):
        if folder.is_dir() and _read(folder / FILE) is None:
            try:
                write_once(folder / FILE, installation.encode() + b"\n")
            except (OSError, StorageFull) as error:
                log.debug("the id of the installation was not written to a folder: %s", type(error).__name__)


def _folders(settings: Settings) -> dict[Path, str]:
    return {settings.data: "data folder", settings.keys_folder: "folder of keys"}


def _read(path: Path) -> str | None:
    try:
        text = path.read_text("ascii", "replace").strip()
    except OSError:
        return None
    return text if _ID.fullmatch(text) else ""


def _compare(said: dict[Path, str | None], installation: str) -> None:
    for folder, found in said.items():
        if found not in (None, installation):
            raise Differs(
                "installation",
                "The database belongs to another installation than a folder of this server.",
                f"{folder / FILE} names {found or 'no installation'}, the database {installation}. Set "
                "EARWITNESS_DATABASE_URL, EARWITNESS_DATA and EARWITNESS_KEYS to what belongs together. If "
                "it was brought together on purpose, remove that file.",
            )
