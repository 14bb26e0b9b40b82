"""A server with another media store than the archive's is refused; a copy of the store is accepted."""

import logging
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import obstore
import pytest
from obstore.store import S3Store
from sqlalchemy import delete

from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.schema.directory import identities
from earwitness.kernel.settings import Settings
from earwitness.media.stores.store_marker import MARKER
from tests.api.test_health import missing
from tests.archive.identity.test_identity import FOLDER_FILE, is_taken, refused
from tests.cli.running import run_json
from tests.firm import Firm, tone


@pytest.fixture
def stored(
    settings: Settings, s3_endpoint_of: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Firm]:
    """A firm that has a recording in a bucket."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test:test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint_of("moto"))
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    with Firm(replace(settings, media_url=f"s3://archive/{uuid.uuid4().hex}")) as firm:
        firm.ingest(tone(), thirdPartyId="call-1")
        yield firm


def copy(settings: Settings) -> Settings:
    """Copy everything to another place in the bucket."""
    copied = replace(settings, media_url=f"s3://archive/{uuid.uuid4().hex}")
    source, target = S3Store.from_url(settings.media_url), S3Store.from_url(copied.media_url)
    for batch in obstore.list(source):
        for part in batch:
            obstore.put(target, part["path"], bytes(obstore.get(source, part["path"]).bytes()))
    return copied


def remove_marker(settings: Settings) -> None:
    obstore.delete(S3Store.from_url(settings.media_url), MARKER)


@pytest.mark.parametrize("url", ["", "s3://archive/elsewhere", "s3://no-such-bucket/x"])
def test_another_bucket_or_prefix_or_none_is_refused_and_the_right_one_named(stored: Firm, url: str) -> None:
    problem = refused(replace(stored.settings, media_url=url))
    assert problem.code == "store-differs"
    assert stored.settings.media_url in problem.for_operators
    assert stored.settings.media_url not in problem.detail
    told = run_json(replace(stored.settings, media_url=url), "key", "list", exit_code=1)
    assert told["error"] == problem.for_operators
    assert is_taken(replace(stored.settings, media_url=stored.settings.media_url + "/"))


def test_the_store_of_another_installation_is_refused(stored: Firm) -> None:
    other = replace(stored.settings, media_url=copy(stored.settings).media_url)
    accounts = Accounts(other)
    with accounts.directory.begin() as connection:
        connection.execute(delete(identities))
    accounts.close()
    for folder in (other.data, other.keys_folder):
        (folder / FOLDER_FILE).unlink()
    problem = refused(other)
    assert "another installation" in problem.detail
    assert other.media_url in problem.for_operators


def test_a_copy_of_the_store_is_accepted(stored: Firm, caplog: pytest.LogCaptureFixture) -> None:
    copied = copy(stored.settings)
    assert missing(stored) == []
    with Firm(copied, keys=stored.keys) as firm:
        body = {"thirdPartyId": "call-1", "format": "raw"}
        assert firm.call("POST", "/client/recording.playBackByThirdPartyId", body).content == tone()
        assert missing(firm) == []
    assert missing(stored) == ["installation"]  # which would go on without what the other takes in
    assert f"copied from {stored.settings.media_url} to {copied.media_url}" in caplog.text


def test_servers_that_start_at_once_on_a_copy_agree(stored: Firm) -> None:
    copied = copy(stored.settings)
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(is_taken, [copied] * 4))


def test_a_copy_without_the_marker_is_accepted_when_the_operator_says_so(stored: Firm) -> None:
    copied = copy(stored.settings)
    remove_marker(copied)
    assert "installation accept store" in refused(copied).for_operators
    assert run_json(copied, "installation", "accept", "store") == {"accepted": "store"}
    assert is_taken(copied)
    assert refused(stored.settings).code == "store-differs"
    assert missing(stored) == ["installation"]
    assert "already" in run_json(copied, "installation", "accept", "store", exit_code=1)["error"]


def test_a_store_that_does_not_answer_is_not_another(
    stored: Firm, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        began = time.monotonic()
        assert is_taken(stored.settings)
        assert time.monotonic() - began < 30
    assert "the store of media was not compared" in caplog.text
    assert missing(stored) == []
