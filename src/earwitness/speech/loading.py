"""The table of engines, and how one of them is loaded.

Engines are imported only in the transcribing process (`earwitness.speech.child`): each needs an extra that is
not always installed, and takes a lot of time and memory.
"""

from collections.abc import Callable
from dataclasses import dataclass

from earwitness.kernel.extras import how_to_install
from earwitness.speech.engine import Engine, EngineUnusable


@dataclass(frozen=True, slots=True)
class _LoadableEngine:
    """`load` is given the folder or name of a model; `extra` is the extra that installs the engine."""

    load: Callable[[str], Engine]
    extra: str


def load(engine: str, model: str) -> Engine:
    """Load an engine. `model` is the folder or name of its model, if it needs one. Raises EngineUnusable."""
    if engine not in _ENGINES:
        raise EngineUnusable(f"there is no engine {engine}")
    try:
        return _ENGINES[engine].load(model)
    except ModuleNotFoundError:
        raise EngineUnusable(f"{engine} is not installed: {how_to_install(_ENGINES[engine].extra)}") from None


def _load_whisper(model: str) -> Engine:
    from earwitness.speech.whisper import Whisper

    return Whisper(model)


def _load_sphinx(_model: str) -> Engine:
    from earwitness.speech.sphinx import Sphinx

    return Sphinx()


_ENGINES = {
    "faster-whisper": _LoadableEngine(_load_whisper, extra="whisper"),
    "pocketsphinx": _LoadableEngine(_load_sphinx, extra="sphinx"),
}
