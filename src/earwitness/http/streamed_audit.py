"""Calls that do not travel the road, because they stream: how the ledger remembers them."""

import secrets
from typing import Any

from litestar import Request

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Action, AuditSubjects
from earwitness.http.methods import method_of
from earwitness.kernel.errors import Problem
from earwitness.kernel.logs import request_id


def action(request: Request[Any, Any, Any], viewer: Viewer, route: str, description: str) -> Action:
    return Action(
        method=method_of(request),
        route=route.replace(":str}", "}"),
        description=description,
        username=viewer.username,
        ip_address=viewer.ip_address,
        user_id=viewer.user_id,
        request_id=request_id.get() or secrets.token_hex(8),
    )


def remember_refusal(
    archive: Archive,
    action: Action,
    viewer: Viewer,
    named: AuditSubjects,
    problem: Problem,
    metadata: dict[str, object] | None = None,
) -> None:
    """Write a row, with the problem's status, for each recording that the call named and that exists."""
    with archive.write(locked=False) as connection:  # it only adds rows to the ledger
        ledger.append_access(connection, action, viewer, named, int(problem.status), metadata)
