"""What the audit log says of a request."""

import secrets
from typing import Any

from litestar import Request

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.ledger.ledger import Action
from earwitness.http.head_and_options import method_of
from earwitness.kernel.logs import request_id


def action_of(request: Request[Any, Any, Any], viewer: Viewer, path: str, description: str) -> Action:
    """A request as the audit log shows it: the path of its route, who sent it, and from where."""
    return Action(
        method=method_of(request),
        route=path,
        description=description,
        username=viewer.username,
        ip_address=viewer.ip_address,
        user_id=viewer.user_id,
        request_id=request_id.get() or secrets.token_hex(8),
    )
