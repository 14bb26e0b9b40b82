"""Fixtures of searches."""

import pytest


@pytest.fixture(params=["as few", "as many"])
def however_many(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """So few recordings are found one way; this has them found as many are, too."""
    if request.param == "as many":
        for limit in ("FEW", "_WHOLE_AT_MOST", "COUNTED_AT_MOST"):
            monkeypatch.setattr(f"earwitness.archive.search.plan.{limit}", 1)
