from collections.abc import Iterator

import hypothesis
import pytest

from tests.media.places import s3_server

# How long an example takes depends on what else the machine does.
hypothesis.settings.register_profile("without deadline", deadline=None)
hypothesis.settings.load_profile("without deadline")


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The address of an S3 server, one for each test process."""
    with s3_server() as endpoint:
        yield endpoint
