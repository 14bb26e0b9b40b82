"""Calls of a player, and what the audit log says of them."""

from typing import Any

import pytest
from httpx2 import Response

from earwitness.kernel.clock import now_ms
from tests.firm import ADMIN, Firm, tone

PLAY = "/client/recording.playBackByThirdPartyId"
MEDIA = tone(2.0, channels=2)
READER = "reader@example.com"
MINUTE_MS = 60_000


def get(
    firm: Firm,
    recording_id: int,
    format_: str = "raw",
    *,
    as_user: str = ADMIN,
    method: str = "GET",
    comment: str | None = None,
    **headers: str,
) -> Response:
    """Ask as a player does; header names with `_` for `-`."""
    params = {"format": format_} | ({} if comment is None else {"comment": comment})
    return firm.client.request(
        method,
        f"/api/client/recording/{recording_id}/media",
        params=params,
        headers=firm.headers(as_user) | {name.replace("_", "-"): value for name, value in headers.items()},
    )


def url_of(firm: Firm, recording_id: int, *, as_user: str = ADMIN, **wanted: Any) -> str:
    url: str = firm.post(f"/client/recording/{recording_id}/media-url", wanted, as_user=as_user)["url"]
    return url


def rows(firm: Firm, recording_id: int) -> list[tuple[str, int, Any]]:
    """What the audit log says of players: method, status and metadata."""
    log = firm.post("/client/recording/audit", {"recordingId": recording_id})
    return [(row["method"], row["responseCode"], row["metadata"]) for row in log if "/media" in row["route"]]


def minutes_from_now(monkeypatch: pytest.MonkeyPatch, module: Any, minutes: float) -> None:
    moment = now_ms() + int(minutes * MINUTE_MS)
    monkeypatch.setattr(module, "now_ms", lambda: moment)
