"""Fixtures of searches."""

import hypothesis
import pytest

# How long an example takes depends on what else the machine does.
hypothesis.settings.register_profile("without deadline", deadline=None)
hypothesis.settings.load_profile("without deadline")


@pytest.fixture(params=["as few", "as many"])
def however_many(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few recordings are found in one way. With this they are also found in the way of many."""
    if request.param == "as many":
        for limit in ("plan.FEW", "plan.COUNTED_AT_MOST", "postgresql.FETCHED_AT_MOST"):
            monkeypatch.setattr(f"earwitness.archive.search.{limit}", 1)
