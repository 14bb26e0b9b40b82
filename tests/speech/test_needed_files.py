"""An engine may read its model, but nothing of an archive beside the model or beside Python's files."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kernel.confinement.test_layers import needs_landlock

_READ = """
import sys
from earwitness.kernel.confinement.landlock import restrict
from earwitness.kernel.confinement.privileges import give_up_privileges
from earwitness.speech.needed_files import needed_files
model, *paths = sys.argv[1:]
give_up_privileges()
assert restrict(needed_files(model))
for path in paths:
    try:
        open(path).close()
        print("read", path)
    except PermissionError:
        pass
import json.tool, faster_whisper, pocketsphinx, ctypes.util, zoneinfo, encodings.idna
zoneinfo.ZoneInfo("Europe/Berlin")
"""


def read(model: Path, *paths: Path, python_path: Path | None = None) -> set[Path]:
    """Which of some files can be read by an engine with a model."""
    more = {"PYTHONPATH": str(python_path)} if python_path else {}
    ran = subprocess.run(
        [sys.executable, "-P", "-c", _READ, str(model), *map(str, paths)],
        capture_output=True,
        text=True,
        env=os.environ | more,
    )
    assert ran.returncode == 0, ran.stderr
    return {Path(line.removeprefix("read ")) for line in ran.stdout.splitlines()}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("model.bin", "config.json", "of a later version.json"):
        (folder / name).touch()
    return folder


@needs_landlock
def test_an_engine_reads_the_files_of_its_model_but_no_archive_beside_them(
    tmp_path: Path, model: Path
) -> None:
    archive, beside = model / "earwitness-data" / "archive.db", tmp_path / "other"
    archive.parent.mkdir()
    archive.touch()
    beside.touch()
    files = [model / name for name in ("model.bin", "config.json", "of a later version.json")]
    assert read(model, *files, archive, beside, Path("/etc/passwd")) == set(files)


@needs_landlock
def test_an_engine_may_follow_links_only_to_files_of_its_model(tmp_path: Path, model: Path) -> None:
    kept, keys = tmp_path / "blob", tmp_path / "keys"
    kept.touch()
    keys.touch()
    (model / "tokenizer.json").symlink_to(kept)
    (model / "README").symlink_to(keys)
    assert read(model, model / "tokenizer.json", model / "README") == {model / "tokenizer.json"}


@needs_landlock
def test_in_a_folder_of_pythonpath_an_engine_reads_only_what_can_be_imported(
    tmp_path: Path, model: Path
) -> None:
    package, data = tmp_path / "package", tmp_path / "earwitness-data"
    for folder in (package, data):
        folder.mkdir()
        (folder / "archive.db").touch()
    (package / "__init__.py").touch()
    (tmp_path / "module.py").touch()
    (tmp_path / "secrets.env").touch()
    tried = [tmp_path / name for name in ("module.py", "secrets.env")] + [
        folder / "archive.db" for folder in (package, data)
    ]
    seen = read(model, *tried, python_path=tmp_path)
    assert seen == {package / "archive.db", tmp_path / "module.py"}
