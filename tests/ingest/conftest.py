"""Fixtures of ingest tests: a watched folder, and an engine that transcribes each sound only once."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from earwitness.ingest.steps import transcribe
from earwitness.speech.engine import ChannelTranscript
from earwitness.speech.transcriber import transcribe as listen

_heard: dict[tuple[str, str, bytes], ChannelTranscript] = {}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "watched"
    folder.mkdir()
    return folder


@pytest.fixture
def heard_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Transcribe each sound only once in a test process, since the database makes no difference to it."""

    def hear(engine: str, model: str, pcm: Iterable[bytes], *others: Any) -> ChannelTranscript:
        pieces = list(pcm)
        sound = (engine, model, b"".join(pieces))
        if sound not in _heard:
            _heard[sound] = listen(engine, model, pieces, *others)
        return _heard[sound]

    monkeypatch.setattr(transcribe, "listen", hear)
