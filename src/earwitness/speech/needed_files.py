"""The files that an engine may read: Python's, the system's libraries, what they ask of the machine, a model.

Never the archive or its keys, which may lie beside Python's files: of a folder that `PYTHONPATH` adds, or a
checkout, only what can be imported.
"""

import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from earwitness.speech.models import PACKAGED

_PACKAGES = ("site-packages", "dist-packages")
# Of a wheel: where its libraries lie, and what it says of itself.
_BESIDE_PACKAGES = (".libs", ".dist-info")
_IMPORTED = (".py", ".so", ".zip")

_SYSTEM = (
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/nix/store",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/os-release",
    "/etc/ssl/openssl.cnf",
    "/usr/share/zoneinfo",
    "/dev/null",
    "/dev/urandom",
    "/dev/zero",
    "/proc/cpuinfo",
    "/proc/devices",
    "/proc/driver",
    "/proc/meminfo",
    "/proc/self",
    "/sys/bus/pci/devices",
    "/sys/devices",
)
# A model's files may be links to where a hub's client keeps them.
_OF_MODELS = ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt", "vocabulary.json")


def needed_files(model: str) -> Iterator[Path]:
    """Folders and files to be read by an engine with this model, of which not all need to be there."""
    yield from map(Path, _SYSTEM)
    of_python = [Path(sysconfig.get_path(kind)) for kind in ("stdlib", "platstdlib")]
    yield from (*of_python, Path(sys.base_prefix, "lib"))
    for folder in filter(None, os.environ.get("LD_LIBRARY_PATH", "").split(":")):
        yield from Path(folder).glob("*.so*")
    for entry in map(Path, filter(None, sys.path)):
        if entry.name in _PACKAGES or entry.is_file():
            yield entry
        elif entry.is_dir() and not any(entry.is_relative_to(folder) for folder in of_python):
            yield from filter(_is_importable, entry.iterdir())
    if model and model not in PACKAGED:
        yield Path(model)
        yield from (Path(model, name) for name in (*_OF_MODELS, "preprocessor_config.json"))


def gpus() -> list[Path]:
    """The devices of NVIDIA's driver, if there are any."""
    return sorted(Path("/dev").glob("nvidia*"))


def _is_importable(path: Path) -> bool:
    if path.is_dir():
        return path.name.endswith(_BESIDE_PACKAGES) or (path / "__init__.py").is_file()
    return path.name.endswith(_IMPORTED)
