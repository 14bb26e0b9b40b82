from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from importlib.util import find_spec

import hypothesis
import pytest

from tests.media.places import S3_SERVERS, s3_server

# No deadline, since the time of an example depends on other work of the machine.
hypothesis.settings.register_profile("without deadline", deadline=None)
hypothesis.settings.load_profile("without deadline")


@pytest.fixture(scope="session")
def s3_endpoint_of() -> Iterator[Callable[[str], str]]:
    """The address of an S3 server of a kind; each kind runs once for each test process that asks."""

    def start(kind: str) -> str:
        if find_spec(kind) is None:
            pytest.skip(f"{kind} is not installed")
        return running.enter_context(s3_server(kind))

    with ExitStack() as running:
        yield cache(start)


@pytest.fixture(params=S3_SERVERS)
def s3_endpoint(request: pytest.FixtureRequest, s3_endpoint_of: Callable[[str], str]) -> str:
    """The address of an S3 server, of one kind after the other."""
    return s3_endpoint_of(request.param)
