"""The files that an engine may read: Python's, the system's libraries, what they ask of the machine, a model.

Never the archive or its keys, which may lie beside these: of a folder that `PYTHONPATH` adds, or a checkout,
only what can be imported, and of a model's folder only files, not folders.
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
_OF_MODELS = (
    *("model.bin", "config.json", "tokenizer.json", "preprocessor_config.json"),
    *("vocabulary.txt", "vocabulary.json"),
)


def needed_files(model: str) -> Iterator[Path]:
    """Folders and files to be read by an engine with this model, of which not all need to be there."""
    yield from map(Path, _SYSTEM)
    of_python = [Path(sysconfig.get_path(kind)) for kind in ("stdlib", "platstdlib")]
    yield from (*of_python, Path(sys.base_prefix, "lib"))
    for folder in filter(None, os.environ.get("LD_LIBRARY_PATH", "").split(":")):
        yield from (path for path in _in(Path(folder)) if ".so" in path.suffixes)
    for entry in map(Path, filter(None, sys.path)):
        if entry.name in _PACKAGES or _is_file(entry):
            yield entry
        elif not any(entry.is_relative_to(folder) for folder in of_python):
            yield from filter(_is_importable, _in(entry))
    if model and model not in PACKAGED:
        yield from filter(_is_of_model, _in(Path(model)))


def gpus() -> list[Path]:
    """The devices of NVIDIA's driver, if there are any."""
    return sorted(Path("/dev").glob("nvidia*"))


def _in(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:  # it is said by who needs it
        return []


def _is_of_model(path: Path) -> bool:
    """Whether it is a file; of links, as hubs' clients make them, only those whose names engines know."""
    return _is_file(path) and (path.name in _OF_MODELS or not path.is_symlink())


def _is_importable(path: Path) -> bool:
    return path.name.endswith((*_IMPORTED, *_BESIDE_PACKAGES)) or _is_file(path / "__init__.py")


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113 - Path's raises where a folder may not be looked into
