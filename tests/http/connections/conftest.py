"""A server with limits that a test can reach."""

from collections.abc import Iterator

import pytest

from earwitness.http.connections.bounds import Bounds
from tests.api.serving import server_of
from tests.firm import Firm

QUICK = Bounds(head_seconds=1, body_seconds=1, leftover_seconds=1, unread_seconds=1, check_seconds=0.1)
"""Bounds whose end a test can wait for."""
PATIENT = Bounds()
MIB = 1 << 20


@pytest.fixture
def base_url(firm: Firm) -> Iterator[str]:
    with server_of(firm, bounds=QUICK) as base_url:
        yield base_url
