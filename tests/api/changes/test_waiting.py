"""A call that waits is answered when something changes, whoever changed it, and holds nothing meanwhile."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import event

from earwitness.api.changes.waiting import LOOK_SECONDS
from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.recordings.retention_changes import pending_retention  # noqa: F401
from earwitness.kernel.rights import Right
from tests.api.changes.changing import change_recording
from tests.api.changes.following import kinds
from tests.firm import ADMIN, CLIENT_ID, Firm
from tests.waiting import until

LONG = 60


@pytest.fixture
def clients() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(64) as clients:
        yield clients


def waiting(firm: Firm) -> int:
    """How many clients wait."""
    rooms = firm.app.state.waits.rooms
    return sum(len(room.waiting) for room in rooms.values())
