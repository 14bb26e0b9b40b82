"""A client that makes recordings, sends, finds and plays them, and expects that the server may be killed."""

import hashlib
import json
import random
import time
import wave
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from io import BytesIO
from types import TracebackType
from typing import Any, Self

import httpx2

_UNDECODABLE, _WITHOUT_MEDIA = 0.05, 0.15
_TO_TRANSCRIBE = 0.1  # the share of short recordings without a transcript; engines are slow
_SHORT_BYTES = 40_000
_TIMEOUT_SECONDS = 30
_PAUSE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A recording that was sent, and what the archive must have of it once it was acknowledged."""

    third_party_id: str
    word: str
    sha256: str = ""
    interaction_id: int = 0
    has_transcript: bool = True

    def as_json(self) -> dict[str, object]:
        return asdict(self)


class Client:
    """The calls of one thread. A call returns None if there was no answer, or a 5xx."""

    def __init__(
        self,
        url: str,
        credentials: dict[str, Any],
        choice: random.Random,
        *,
        http: httpx2.Client | None = None,
        tell: Callable[[str, float, object], None] = lambda *_: None,
    ) -> None:
        """`tell` is called after each request with its name, when it began, and its answer or error."""
        self.choice = choice
        self.counts: Counter[str] = Counter()
        self._credentials = credentials
        self._url = url
        self._http = http or httpx2.Client(base_url=f"{url}/api", timeout=_TIMEOUT_SECONDS)
        self._tell = tell

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def make(self) -> tuple[Acknowledged, bytes | None]:
        name = f"{self.choice.getrandbits(64):016x}"
        media = self._media()
        digest = hashlib.sha256(media).hexdigest() if media is not None else ""
        is_short = media is not None and media.startswith(b"RIFF") and len(media) < _SHORT_BYTES
        has_transcript = not is_short or self.choice.random() >= _TO_TRANSCRIBE
        return Acknowledged(f"soak-{name}", f"word{name}", digest, has_transcript=has_transcript), media

    def ingest(self, recording: Acknowledged, media: bytes | None) -> Acknowledged | None:
        files: dict[str, Any] = {"metadata": (None, json.dumps(_metadata(recording)))}
        if media is not None:
            files["media"] = ("call.wav", media)
        answer = self.call("ingested", "/ingest/recording", files=files)
        if answer is None:
            return None
        return replace(recording, interaction_id=int(answer.json()["interactionId"]))

    def search(self, filters: dict[str, Any]) -> dict[str, int] | None:
        """The interactionId of each recording that is found, by thirdPartyId."""
        answer = self.call("searched", "/client/recording.search", json={**filters, "pageSize": 1000})
        if answer is None:
            return None
        return {one["thirdPartyId"]: one["interactionId"] for one in answer.json()["recordings"]}

    def play(self, recording: Acknowledged) -> bool | None:
        """Whether it plays back bit for bit."""
        wanted = {"thirdPartyId": recording.third_party_id, "format": "raw"}
        wanted["streamThrough"] = self.choice.random() < 0.5  # type: ignore[assignment]
        answer = self.call("played", "/client/recording.playBackByThirdPartyId", json=wanted)
        if answer is None:
            return None
        return hashlib.sha256(answer.content).hexdigest() == recording.sha256

    def queued(self) -> int | None:
        """How many jobs are queued, by `/metrics`; None if the server does not say."""
        try:
            text = self._http.get(f"{self._url}/metrics").text
        except httpx2.TransportError:
            return None
        lines = [line for line in text.splitlines() if line.startswith('earwitness_jobs{state="queued"}')]
        return int(float(lines[0].split()[-1])) if lines else None

    def call(self, name: str, path: str, **given: Any) -> httpx2.Response | None:
        """Make a call, and sign in if necessary. Raises HTTPStatusError for a 4xx, which is always wrong."""
        try:
            if "authorization" not in self._http.headers and not self.sign_in().is_success:
                return None
            answer = self._post(name, path, given)
            if answer.status_code == 401:
                if not self.sign_in().is_success:
                    return None
                answer = self._post(name, path, given)
        except httpx2.TransportError:
            self.counts["without an answer"] += 1
            time.sleep(_PAUSE_SECONDS)
            return None
        if answer.status_code >= 500:
            self.counts[f"answered {answer.status_code}"] += 1
            return None
        answer.raise_for_status()
        self.counts[name] += 1
        return answer

    def sign_in(self) -> httpx2.Response:
        """Sign in, and use the token from then on. Raises TransportError."""
        answer = self._post("signed in", "/authWithApiKey", {"json": self._credentials})
        if answer.is_success:
            self._http.headers["Authorization"] = f"Bearer {answer.json()['token']}"
        return answer

    def _post(self, name: str, path: str, given: dict[str, Any]) -> httpx2.Response:
        began = time.monotonic()
        try:
            answer = self._http.post(path, **given)
        except httpx2.TransportError as error:
            self._tell(name, began, error)
            raise
        self._tell(name, began, answer)
        return answer

    def _media(self) -> bytes | None:
        luck = self.choice.random()
        if luck < _WITHOUT_MEDIA:
            return None
        if luck < _WITHOUT_MEDIA + _UNDECODABLE:
            return self.choice.randbytes(self.choice.randint(1, 200_000))
        written = BytesIO()
        with wave.open(written, "wb") as file:
            file.setnchannels(self.choice.choice([1, 2]))
            file.setsampwidth(2)
            file.setframerate(8000)
            seconds = self.choice.choice([1, 1, 2, 5, 60])
            file.writeframes(self.choice.randbytes(32_000 * seconds))
        return written.getvalue()


def _metadata(recording: Acknowledged) -> dict[str, Any]:
    transcript = {"language": "en", "segments": [{"text": "Hello.", "start": 0, "end": 1}]}
    return {
        "thirdPartyId": recording.third_party_id,
        "type": "phone",
        "startDatetimeUTC": "2026-05-12T10:30:00Z",
        "durationInSeconds": 60,
        "endpoints": [
            {"type": "phone", "endpoint": "447896423595", "isRecordingSubject": True},
            {"type": "phone", "endpoint": "447700900111", "isOriginator": True},
        ],
        "source": recording.word,
        "transcript": transcript if recording.has_transcript else None,
    }
