"""Servers with other limits than usual."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from tests.api.serving import server_of
from tests.firm import Firm, give_back, take_app


@contextmanager
def changed_server_of(firm: Firm, **parts: Any) -> Iterator[str]:
    """The base URL of a server of the firm's archive, whose `Installation` has these parts."""
    app = take_app(firm.settings)
    app.state.installation = replace(app.state.installation, **parts)
    with server_of(firm, app) as base_url:
        yield base_url
    give_back(app)
