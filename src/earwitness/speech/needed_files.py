"""The files that an engine may read: those of Python, libraries, the machine and the model.

It must never read the archive or its keys, which may be in the same folders. So in a checkout, and in folders
of `PYTHONPATH`, it may read only what can be imported. In a model's folder it may read files, but no folders.
"""

import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from earwitness.speech.models import PACKAGED

_PACKAGES = ("site-packages", "dist-packages")
# The folders of a wheel beside its packages: its libraries and its metadata.
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
_MODEL_FILES = (
    *("model.bin", "config.json", "tokenizer.json", "preprocessor_config.json"),
    *("vocabulary.txt", "vocabulary.json"),
)


def needed_files(model: str) -> Iterator[Path]:
    """The folders and files that an engine with this model may read. Some of them may not exist."""
    yield from map(Path, _SYSTEM)
    python_folders = [Path(sysconfig.get_path(kind)) for kind in ("stdlib", "platstdlib")]
    yield from (*python_folders, Path(sys.base_prefix, "lib"))
    for folder in filter(None, os.environ.get("LD_LIBRARY_PATH", "").split(":")):
        yield from (path for path in _entries(Path(folder)) if ".so" in path.suffixes)
    for entry in map(Path, filter(None, sys.path)):
        if entry.name in _PACKAGES or _is_file(entry):
            yield entry
        elif not any(entry.is_relative_to(folder) for folder in python_folders):
            yield from filter(_is_importable, _entries(entry))
    if model and model not in PACKAGED:
        yield from filter(_is_model_file, _entries(Path(model)))


def gpus() -> list[Path]:
    """The device files of NVIDIA's driver, if there are any."""
    return sorted(Path("/dev").glob("nvidia*"))


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:  # the engine itself reports what it cannot read
        return []


def _is_model_file(path: Path) -> bool:
    """Whether it is a file of a model. Clients of model hubs make links: a link needs a known name."""
    return _is_file(path) and (path.name in _MODEL_FILES or not path.is_symlink())


def _is_importable(path: Path) -> bool:
    return path.name.endswith((*_IMPORTED, *_BESIDE_PACKAGES)) or _is_file(path / "__init__.py")


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises for a folder that may not be read
