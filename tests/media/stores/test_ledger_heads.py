"""The places where the head of a ledger is kept: files, and objects of every kind of bucket."""

from dataclasses import replace
from pathlib import Path

import pytest

from earwitness.kernel.settings import Settings
from earwitness.media.stores.ledger_heads import places_of

GUID = "5a7c0f1e-0000-4000-8000-000000000000"


@pytest.fixture
def s3(s3_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test:test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    return Settings(data=tmp_path / "data", media_url=f"s3://archive/{tmp_path.name}")


def check(settings: Settings) -> None:
    """Each place keeps what may replace what it has, and shows it to others."""
    for place, again in zip(places_of(settings, GUID), places_of(settings, GUID), strict=True):
        assert place.read() is None
        place.write(b"first", lambda there: there is None)
        assert again.read() == b"first"
        place.write(b"smaller", lambda there: False)
        assert again.read() == b"first"
        again.write(b"larger", lambda there: there == b"first")
        assert place.read() == b"larger"


def test_a_disk_keeps_it_in_the_data_folder_and_beside_the_keys(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", keys=tmp_path / "keys")
    settings.data.mkdir()
    assert [place.name for place in places_of(settings, GUID)] == ["store of media"]
    settings.keys_folder.mkdir()
    check(settings)
    assert (settings.data / "ledger" / GUID).read_bytes() == b"larger"
    assert (settings.keys_folder / "ledger-heads" / GUID).read_bytes() == b"larger"


def test_a_bucket_keeps_it_below_its_prefix(s3: Settings) -> None:
    check(s3)
    [elsewhere] = places_of(replace(s3, media_url=f"{s3.media_url}-other"), GUID)
    assert elsewhere.read() is None
