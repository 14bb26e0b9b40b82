"""An archive with its media in a bucket: recordings are ingested, played and verified, and are encrypted."""

import shutil
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import obstore
import pytest
from obstore.store import S3Store

from earwitness.archive.integrity.objects import Sample, check, orphans
from earwitness.kernel.settings import Settings
from earwitness.media.stores.store_marker import MARKER
from tests.backups import Backup
from tests.firm import CLIENT_ID, Firm, tone
from tests.media.hearing import hear

MEDIA = tone(seconds=270, rate=8000, channels=2)
"""More than one part of an object."""

RAW = {"thirdPartyId": "call-1", "format": "raw"}


@pytest.fixture
def bucketed(settings: Settings, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test:test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    return replace(settings, media_url=f"s3://archive/{uuid.uuid4().hex}")


@pytest.fixture
def firm(bucketed: Settings) -> Iterator[Firm]:
    with Firm(bucketed) as firm:
        yield firm


def stored(settings: Settings) -> dict[str, bytes]:
    """The objects in the bucket except its marker, by their paths below the prefix."""
    bucket = S3Store.from_url(settings.media_url)
    paths = [part["path"] for batch in obstore.list(bucket) for part in batch if part["path"] != MARKER]
    return {path: bytes(obstore.get(bucket, path).bytes()) for path in paths}


def play(firm: Firm, **wanted: Any) -> bytes:
    body = {"thirdPartyId": "call-1"} | wanted
    answer = firm.call("POST", "/client/recording.playBackByThirdPartyId", body)
    assert answer.is_success, answer.text
    return answer.content


def test_the_bucket_alone_shows_that_an_older_database_was_restored(
    bucketed: Settings, tmp_path: Path, postgres_url: str
) -> None:
    with Firm(bucketed) as firm:
        assert firm.call("GET", "/ledger/checkpoint").status_code == 200
        keys = firm.keys
    older = Backup(bucketed, tmp_path, postgres_url)
    with Firm(bucketed, keys=keys) as firm:
        firm.post("/admin/tag", {"tag": "later"})
        assert firm.call("GET", "/ledger/checkpoint").status_code == 200
    older.bring_back()
    shutil.rmtree(bucketed.keys_folder / "ledger-heads")
    with Firm(bucketed, keys=keys) as firm:
        assert firm.call("GET", "/ledger/checkpoint").json()["code"] == "ledger-forked"


def test_a_recording_goes_in_and_comes_out(bucketed: Settings) -> None:
    with Firm(bucketed) as firm:
        firm.ingest(MEDIA)
        firm.work()
        for streams in (False, True):
            assert play(firm, format="raw", streamThrough=streams) == MEDIA
        for format_ in ("mp3", "wav-mono"):
            assert hear(play(firm, format=format_)).seconds == pytest.approx(270, abs=0.3)
        assert [one.damage for one in check(firm.archive, Sample(""))] == [None, None]
        assert list(orphans(firm.archive)) == []
    # The server holds a rendition that it made for a while, encrypted.
    folder = bucketed.data / "accounts" / str(CLIENT_ID)
    assert list((folder / "incoming").iterdir()) == []
    assert not (folder / "media").exists()


def test_media_in_a_bucket_is_encrypted_and_apart_for_each_account(firm: Firm, bucketed: Settings) -> None:
    firm.ingest(MEDIA)
    found = stored(bucketed)
    assert {path.rpartition("/")[2] for path in found} == {"00000", "00001"}
    assert all(path.startswith(f"accounts/{CLIENT_ID}/media/") for path in found)
    pieces = {MEDIA[start : start + 16] for start in range(1000, len(MEDIA), 100_000)}
    assert not any(piece in content for content in found.values() for piece in pieces)
    assert sum(map(len, found.values())) < len(MEDIA) * 1.02 + 4096


def test_a_refused_recording_leaves_nothing_in_the_bucket(firm: Firm, bucketed: Settings) -> None:
    firm.ingest(MEDIA)
    before = stored(bucketed).keys()
    assert firm.send({"thirdPartyId": "x"}, MEDIA).status_code == 400
    assert firm.send({"thirdPartyId": "call-1", "type": "phone"}, MEDIA[:-1]).status_code == 400
    assert stored(bucketed).keys() == before


def test_an_object_that_the_bucket_lost_is_damage(firm: Firm, bucketed: Settings) -> None:
    firm.ingest(MEDIA)
    for part in stored(bucketed):
        obstore.delete(S3Store.from_url(bucketed.media_url), part)
    lost = firm.call("POST", "/client/recording.playBackByThirdPartyId", RAW)
    assert (lost.status_code, lost.json()["code"]) == (500, "media-corrupt")
    (damage,) = [one.damage for one in check(firm.archive, Sample(""))]
    assert damage is not None
    assert damage["damage"] == "missing"
    assert firm.search() == ["call-1"]


def test_a_bucket_that_is_away_is_answered_with_503_and_retry_after(bucketed: Settings) -> None:
    bucket = S3Store(f"away-{uuid.uuid4().hex}")
    change(bucket, "PUT")
    with Firm(replace(bucketed, media_url=f"s3://{bucket.config['bucket']}/x")) as firm:
        firm.ingest(MEDIA)
        for batch in obstore.list(bucket):
            obstore.delete(bucket, [part["path"] for part in batch])
        change(bucket, "DELETE")
        away = firm.call("POST", "/client/recording.playBackByThirdPartyId", RAW)
        assert (away.status_code, away.json()["code"]) == (503, "media-store-unavailable")
        assert "Retry-After" in away.headers


def change(bucket: S3Store, method: Literal["PUT", "DELETE"]) -> None:
    """Make or remove a bucket itself."""
    signed = obstore.sign(bucket, method, "", timedelta(minutes=1))
    urllib.request.urlopen(urllib.request.Request(signed, method=method)).close()
